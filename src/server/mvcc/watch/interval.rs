//! Finds the ranges that contain a key: a balanced tree of ranges ordered by their start, in which every node knows the
//! largest end below it, so that a lookup can skip whole subtrees.
//!
//! ```text
//!             [b, d) max ∞
//!            /            \
//!   [a, c) max c        [c, ∞) max ∞         holds(a): [a, c)       holds(c): [b, d) [c, ∞)
//! ```
//!
//! The tree is a treap: nodes have random priorities, and a parent's is never smaller than its children's, so that no
//! order of insertions makes the tree deep.

use std::cmp::Ordering;

use super::watcher::Key;

/// The end of a range; `None` means that it has no end.
type End = Option<Key>;

/// Values by range.
#[derive(Debug)]
pub struct IntervalMap<T> {
    root: Link<T>,
    random: u64,
}

type Link<T> = Option<Box<Node<T>>>;

#[derive(Debug)]
struct Node<T> {
    start: Key,
    end: End,
    max_end: End,
    priority: u64,
    value: T,
    left: Link<T>,
    right: Link<T>,
}

impl<T> Default for IntervalMap<T> {
    fn default() -> IntervalMap<T> {
        IntervalMap {
            root: None,
            random: 0x9e37_79b9_7f4a_7c15,
        }
    }
}

impl<T: Default> IntervalMap<T> {
    /// The value of the range `[start, end)`, created if necessary.
    pub fn entry(&mut self, start: &Key, end: &End) -> &mut T {
        // xorshift: priorities must differ, but need not be hard to predict.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        if find(&mut self.root, start, end).is_none() {
            let node = Node {
                start: start.clone(),
                end: end.clone(),
                max_end: end.clone(),
                priority: self.random,
                value: T::default(),
                left: None,
                right: None,
            };
            insert(&mut self.root, Box::new(node));
        }
        match find(&mut self.root, start, end) {
            Some(value) => value,
            None => unreachable!("it was inserted above"),
        }
    }
}

impl<T> IntervalMap<T> {
    /// Whether there are no ranges.
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// The value of exactly this range.
    pub fn get_mut(&mut self, start: &Key, end: &End) -> Option<&mut T> {
        find(&mut self.root, start, end)
    }

    /// Removes exactly this range.
    pub fn remove(&mut self, start: &Key, end: &End) {
        remove(&mut self.root, start, end);
    }

    /// Calls `each` for all values.
    pub fn into_values(self, each: &mut impl FnMut(T)) {
        into_values(self.root, each);
    }

    /// Calls `each` with the value of every range that contains `key`.
    pub fn holding<'a>(&'a self, key: &[u8], each: &mut impl FnMut(&'a T)) {
        holding(&self.root, key, each);
    }
}

/// Whether an end is after a key.
fn is_behind(end: &End, key: &[u8]) -> bool {
    end.as_ref().is_none_or(|end| key < &end[..])
}

fn later_end(a: &End, b: &End) -> End {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.max(b).clone()),
        _ => None,
    }
}

impl<T> Node<T> {
    fn order(&self, start: &Key, end: &End) -> Ordering {
        let by_end = || match (end, &self.end) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(a), Some(b)) => a.cmp(b),
        };
        start.cmp(&self.start).then_with(by_end)
    }

    fn update(&mut self) {
        self.max_end = self.end.clone();
        for child in [&self.left, &self.right].into_iter().flatten() {
            self.max_end = later_end(&self.max_end, &child.max_end);
        }
    }
}

fn find<'a, T>(link: &'a mut Link<T>, start: &Key, end: &End) -> Option<&'a mut T> {
    let node = link.as_mut()?;
    match node.order(start, end) {
        Ordering::Equal => Some(&mut node.value),
        Ordering::Less => find(&mut node.left, start, end),
        Ordering::Greater => find(&mut node.right, start, end),
    }
}

fn holding<'a, T>(link: &'a Link<T>, key: &[u8], each: &mut impl FnMut(&'a T)) {
    let Some(node) = link else { return };
    if !is_behind(&node.max_end, key) {
        return;
    }
    holding(&node.left, key, each);
    if key < &node.start[..] {
        return;
    }
    if is_behind(&node.end, key) {
        each(&node.value);
    }
    holding(&node.right, key, each);
}

fn into_values<T>(link: Link<T>, each: &mut impl FnMut(T)) {
    let Some(node) = link else { return };
    let node = *node;
    into_values(node.left, each);
    each(node.value);
    into_values(node.right, each);
}

fn insert<T>(link: &mut Link<T>, new: Box<Node<T>>) {
    let Some(node) = link else {
        *link = Some(new);
        return;
    };
    if new.priority > node.priority {
        let mut new = new;
        let (left, right) = split(link.take(), &new.start, &new.end);
        (new.left, new.right) = (left, right);
        new.update();
        *link = Some(new);
        return;
    }
    match node.order(&new.start, &new.end) {
        Ordering::Less => insert(&mut node.left, new),
        _ => insert(&mut node.right, new),
    }
    node.update();
}

/// Splits a tree into the ranges before this one and those after it.
fn split<T>(link: Link<T>, start: &Key, end: &End) -> (Link<T>, Link<T>) {
    let Some(mut node) = link else {
        return (None, None);
    };
    if node.order(start, end) == Ordering::Less {
        let (left, right) = split(node.left.take(), start, end);
        node.left = right;
        node.update();
        (left, Some(node))
    } else {
        let (left, right) = split(node.right.take(), start, end);
        node.right = left;
        node.update();
        (Some(node), right)
    }
}

/// Joins two trees. All ranges of the first precede those of the second.
fn join<T>(left: Link<T>, right: Link<T>) -> Link<T> {
    match (left, right) {
        (None, other) | (other, None) => other,
        (Some(mut a), Some(mut b)) => {
            if a.priority > b.priority {
                a.right = join(a.right.take(), Some(b));
                a.update();
                Some(a)
            } else {
                b.left = join(Some(a), b.left.take());
                b.update();
                Some(b)
            }
        }
    }
}

fn remove<T>(link: &mut Link<T>, start: &Key, end: &End) {
    let Some(node) = link else { return };
    match node.order(start, end) {
        Ordering::Less => remove(&mut node.left, start, end),
        Ordering::Greater => remove(&mut node.right, start, end),
        Ordering::Equal => {
            let joined = join(node.left.take(), node.right.take());
            *link = joined;
            return;
        }
    }
    node.update();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn key(text: &str) -> Key {
        Key::from(text.as_bytes())
    }

    fn names(map: &IntervalMap<String>, key: &str) -> Vec<String> {
        let mut names = Vec::new();
        map.holding(key.as_bytes(), &mut |name| names.push(name.clone()));
        names
    }

    #[test]
    fn the_worked_example() {
        let mut map = IntervalMap::default();
        for (start, end) in [("a", Some("c")), ("b", Some("d")), ("c", None)] {
            *map.entry(&key(start), &end.map(key)) = start.to_string();
        }
        assert_eq!(names(&map, "a"), ["a"]);
        assert_eq!(names(&map, "c"), ["b", "c"]);
        assert_eq!(names(&map, "z"), ["c"]);
        assert!(names(&map, "A").is_empty());
        map.remove(&key("c"), &None);
        assert!(names(&map, "z").is_empty() && !map.is_empty());
    }

    #[test]
    fn it_agrees_with_a_list_of_ranges() {
        let mut map: IntervalMap<String> = IntervalMap::default();
        let mut list: BTreeMap<(Key, End), String> = BTreeMap::new();
        let mut seed = 1u64;
        let mut random = |n: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % n
        };
        for round in 0..3000 {
            let start = Key::from(format!("{:02}", random(60)).into_bytes());
            let end = (random(8) > 0).then(|| Key::from(format!("{:02}", random(60)).into_bytes()));
            if random(3) > 0 {
                let name = round.to_string();
                map.entry(&start, &end).clone_from(&name);
                list.insert((start, end), name);
            } else {
                map.remove(&start, &end);
                list.remove(&(start, end));
            }
            let key = format!("{:02}", random(60));
            let mut wanted: Vec<String> = list
                .iter()
                .filter(|((start, end), _)| {
                    start[..] <= *key.as_bytes() && is_behind(end, key.as_bytes())
                })
                .map(|(_, name)| name.clone())
                .collect();
            let mut got = names(&map, &key);
            wanted.sort();
            got.sort();
            assert_eq!(got, wanted, "{key}");
        }
        assert_eq!(map.is_empty(), list.is_empty());
    }
}
