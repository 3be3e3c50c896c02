//! `get`: reads keys, at any readable revision.

use clap::Args;
use tonic::Code;

use super::{
    permission::{self, Needed},
    range,
};
use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind},
        hints,
        value::{self, Suggest},
        words::Words,
    },
    client::{ClientError, Deadline, chunks::Chunks, pages::Pages},
    output::{
        Format,
        replies::{kv::Get, part::Part},
    },
    proto::etcdserverpb as pb,
    words,
};

/// Read a key or a range of keys
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdctl get /registry --prefix --keys-only
  etcdctl get greeting --rev=1200
  etcdctl get '' --prefix --limit=10 --sort-by=MODIFY --order=DESCEND")]
pub struct GetArgs {
    /// Linearizable (l): the latest state; serializable (s): the state of the queried member [default: l]
    #[arg(long, value_name = "l|s", value_parser = Suggest(&["l", "s"]), hide_possible_values = true)]
    consistency: Option<String>,
    /// Order of the results: ASCEND or DESCEND
    #[arg(long, value_name = "order", value_parser = Suggest(&["ASCEND", "DESCEND"]), hide_possible_values = true)]
    order: Option<String>,
    /// What to sort by: CREATE, KEY, MODIFY, VALUE or VERSION
    #[arg(long, value_name = "target", value_parser = Suggest(&["CREATE", "KEY", "MODIFY", "VALUE", "VERSION"]), hide_possible_values = true)]
    sort_by: Option<String>,
    /// Maximum number of results; 0 means all [default: 0]
    #[arg(long, value_name = "n", value_parser = value::flag_int)]
    limit: Option<i64>,
    /// Every key that begins with the given one
    #[arg(long)]
    prefix: bool,
    /// Every key from the given one on
    #[arg(long)]
    from_key: bool,
    /// Read the state at this revision; 0 is the latest [default: 0]
    #[arg(long, value_name = "revision", value_parser = value::flag_int)]
    rev: Option<i64>,
    /// Print only keys, without values
    #[arg(long)]
    keys_only: bool,
    /// Print only the number of keys (with --write-out=fields)
    #[arg(long)]
    count_only: bool,
    /// Print only values, without keys (with --write-out=simple)
    #[arg(long)]
    print_value_only: bool,
    /// Only keys created at this revision or later
    #[arg(long, value_name = "revision", value_parser = value::flag_int)]
    min_create_rev: Option<i64>,
    /// Only keys created at this revision or earlier
    #[arg(long, value_name = "revision", value_parser = value::flag_int)]
    max_create_rev: Option<i64>,
    /// Only keys last changed at this revision or later
    #[arg(long, value_name = "revision", value_parser = value::flag_int)]
    min_mod_rev: Option<i64>,
    /// Only keys last changed at this revision or earlier
    #[arg(long, value_name = "revision", value_parser = value::flag_int)]
    max_mod_rev: Option<i64>,
    /// Fetch the keys in several responses (servers of 3.7 and later)
    #[arg(long)]
    stream: bool,
    #[command(flatten)]
    words: Words<GetWords>,
}

words! {
    /// A key and the end of a range. Further arguments are ignored, as in etcdctl.
    pub GetWords: 1..=usize::MAX, "<key> [range_end]",
        BadArgs "get command needs one argument as key and an optional argument as range_end"
}

/// Runs `get`. A large answer is read and printed page by page, or with `--stream` as its chunks arrive.
///
/// # Errors
/// Conflicting arguments, or an error from the server.
pub async fn get(ctx: &Context, args: GetArgs) -> Result<(), CommandError> {
    let request = args.request()?;
    let settings = ctx.settings()?;
    let (client, deadline) = ctx.connect().await?;
    let revision = request.revision;
    let needed = Needed::read(&request.key, &request.range_end);
    // `--max-recv-bytes` limits the whole answer, so it must not be divided into pages.
    let source = match settings.max_recv_bytes {
        _ if args.stream => {
            let header_first = settings.format != Format::Simple;
            let chunks = Chunks::open(&client, request, header_first, deadline).await;
            chunks.map(|chunks| Source::Chunks(Box::new(chunks)))
        }
        None if settings.format != Format::Table => Ok(Source::Pages(Pages::new(&client, request))),
        _ => Ok(Source::Pages(Pages::whole(&client, request))),
    };
    let first = match source {
        Ok(mut source) => {
            let first = source.next(deadline).await;
            first.map(|first| (first.unwrap_or_default(), source))
        }
        Err(error) => Err(error),
    };
    let (first, source) = match first {
        Ok(first) => first,
        Err(error) => {
            let old_server = args.stream && error.code() == Some(Code::Unimplemented);
            let error = permission::name(error.into(), &[needed]);
            let mut error = hints::add_oldest_readable(ctx, error, &client, revision).await;
            if old_server {
                error =
                    error.hint("servers before 3.7, and sorted results, do not support --stream");
            }
            return Err(error);
        }
    };

    // As in etcdctl, errors from the server take precedence.
    if args.count_only && settings.format != Format::Fields {
        return Err(CommandError::bad_args(
            "--count-only is only for `--write-out=fields`",
        ));
    }
    if args.print_value_only && settings.format != Format::Simple {
        return Err(CommandError::bad_args(
            "print-value-only is only for `--write-out=simple`",
        ));
    }
    print(ctx, source, first, args.print_value_only).await
}

/// The keys, read one part after the other.
enum Source {
    Pages(Pages),
    Chunks(Box<Chunks>),
}

impl Source {
    fn has_more(&self) -> bool {
        match self {
            Source::Pages(pages) => pages.has_more(),
            Source::Chunks(chunks) => chunks.has_more(),
        }
    }

    /// The next part, or `None` after the last one.
    async fn next(&mut self, deadline: Deadline) -> Result<Option<pb::RangeResponse>, ClientError> {
        match self {
            Source::Pages(pages) => pages.next(deadline).await,
            Source::Chunks(chunks) => chunks.next(deadline).await,
        }
    }
}

/// Prints the first page and all that follow it. Each page is requested before the previous one is printed.
async fn print(
    ctx: &Context,
    mut pages: Source,
    first: pb::RangeResponse,
    print_value_only: bool,
) -> Result<(), CommandError> {
    let mut answer = first;
    let mut printed = 0;
    loop {
        let last = !pages.has_more();
        let part = Part::at(printed == 0, last);
        let keys = answer.kvs.len();
        let page = Get {
            answer,
            print_value_only,
            part,
        };
        if last {
            return ctx.emit(&page);
        }
        let deadline = ctx.deadline()?;
        let next = tokio::spawn(async move { (pages.next(deadline).await, pages) });
        // Let the runtime send the request.
        tokio::task::yield_now().await;
        ctx.emit(&page)?;
        printed += keys;
        // Nothing is received while this thread waits for the reader of stdout, so the page gets the whole timeout again.
        let deadline = ctx.deadline()?;
        let (mut page, rest) = next
            .await
            .map_err(|e| CommandError::new(ErrorKind::Failed, e))?;
        pages = rest;
        if matches!(page, Err(ClientError::Deadline { .. })) {
            page = pages.next(deadline).await;
        }
        answer = page
            .map_err(|error| {
                let keys = format!("the output is incomplete: it ends after {printed} keys");
                CommandError::from(error).hint(keys)
            })?
            .unwrap_or_default();
    }
}

fn invalid_choice(text: String) -> CommandError {
    CommandError::new(ErrorKind::BadFeature, text)
}

impl GetArgs {
    /// The request for these flags; also used for a `get` line in a transaction.
    ///
    /// # Errors
    /// Too few or too many arguments, or conflicting flags.
    pub fn request(&self) -> Result<pb::RangeRequest, CommandError> {
        use pb::range_request::{SortOrder, SortTarget};
        let words = self.words.get()?;
        range::prefix_or_from_key(self.prefix, self.from_key)?;
        if self.keys_only && self.count_only {
            return Err(CommandError::bad_args(
                "`--keys-only` and `--count-only` cannot be set at the same time, choose one",
            ));
        }
        let serializable = range::serializable(self.consistency.as_deref())?;
        let (key, range_end) = range::range(words, self.prefix, self.from_key)?;
        let typed = self.order.as_deref().unwrap_or_default();
        let mut order = match typed.to_uppercase().as_str() {
            "" => SortOrder::None,
            "ASCEND" => SortOrder::Ascend,
            "DESCEND" => SortOrder::Descend,
            _ => return Err(invalid_choice(format!("bad sort order {typed}"))),
        };
        let typed = self.sort_by.as_deref().unwrap_or_default();
        let target = match typed.to_uppercase().as_str() {
            "" | "KEY" => SortTarget::Key,
            "CREATE" => SortTarget::Create,
            "MODIFY" => SortTarget::Mod,
            "VALUE" => SortTarget::Value,
            "VERSION" => SortTarget::Version,
            _ => return Err(invalid_choice(format!("bad sort target {typed}"))),
        };
        if target == SortTarget::Key && order == SortOrder::Ascend {
            // This is the server's default order; requesting it explicitly would make the server fetch everything
            // first.
            order = SortOrder::None;
        }
        let above_zero = |n: Option<i64>| n.unwrap_or(0).max(0);
        let request = pb::RangeRequest {
            key,
            range_end,
            limit: self.limit.unwrap_or(0),
            revision: above_zero(self.rev),
            sort_order: order.into(),
            sort_target: target.into(),
            serializable,
            keys_only: self.keys_only,
            count_only: self.count_only,
            min_mod_revision: above_zero(self.min_mod_rev),
            max_mod_revision: above_zero(self.max_mod_rev),
            min_create_revision: above_zero(self.min_create_rev),
            max_create_revision: above_zero(self.max_create_rev),
        };
        for (name, min, max) in [
            (
                "CreateRev",
                request.min_create_revision,
                request.max_create_revision,
            ),
            ("ModRev", request.min_mod_revision, request.max_mod_revision),
        ] {
            if max > 0 && min > max {
                return Err(invalid_choice(format!(
                    "getMin{name}(={min}) > getMax{name}(={max})"
                )));
            }
        }
        Ok(request)
    }
}
