//! Headers with which a client says what it accepts: `Accept` and `Accept-Encoding`. Knows nothing of the content.

use http::{HeaderMap, HeaderName};

/// One entry of such a header.
#[derive(Debug, PartialEq)]
pub struct Entry<'a> {
    /// A media type or an encoding.
    pub value: &'a str,
    /// The parameters apart from `q`, in order.
    pub parameters: Vec<(&'a str, &'a str)>,
    /// How much the client prefers it.
    pub quality: f32,
}

impl<'a> Entry<'a> {
    /// The parameter with this name.
    pub fn parameter(&self, name: &str) -> Option<&'a str> {
        let parameter = self.parameters.iter().find(|(n, _)| *n == name);
        parameter.map(|(_, value)| *value)
    }
}

/// The entries of a header, the preferred ones first. Values that are not text are ignored.
pub fn entries(headers: &HeaderMap, name: HeaderName) -> Vec<Entry<'_>> {
    let values = headers.get_all(name).into_iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    let mut entries: Vec<_> = texts.flat_map(|text| text.split(',').map(entry)).collect();
    entries.retain(|entry| !entry.value.is_empty());
    entries.sort_by(|a, b| b.quality.total_cmp(&a.quality));
    entries
}

fn entry(text: &str) -> Entry<'_> {
    let mut parts = text.split(';').map(str::trim);
    let mut entry = Entry {
        value: parts.next().unwrap_or_default(),
        parameters: Vec::new(),
        quality: 1.0,
    };
    for (name, value) in parts.filter_map(|part| part.split_once('=')) {
        match name.trim() {
            "q" => entry.quality = value.trim().parse().unwrap_or(1.0),
            name => entry.parameters.push((name, value.trim())),
        }
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderValue, header};

    #[test]
    fn entries_are_ordered_by_preference() {
        let mut headers = HeaderMap::new();
        let text = "text/html;q=0.5, , text/plain; version=0.0.4, */*;q=0.1";
        headers.insert(header::ACCEPT, HeaderValue::from_static(text));
        let entries = entries(&headers, header::ACCEPT);
        let values: Vec<_> = entries.iter().map(|e| (e.value, e.quality)).collect();
        assert_eq!(
            values,
            [("text/plain", 1.0), ("text/html", 0.5), ("*/*", 0.1)]
        );
        assert_eq!(entries[0].parameter("version"), Some("0.0.4"));
        assert_eq!(entries[0].parameter("q"), None);
    }
}
