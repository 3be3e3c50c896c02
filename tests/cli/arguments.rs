//! Parsing the command line: pflag's rules, cobra's texts, etcdctl's exit codes. Does not repeat what is in the
//! recorded transcripts.

use crate::support::program::{Program, scratch};

/// Never contacted: the command line is rejected before.
const NOBODY: &str = "--endpoints=127.0.0.1:1";

#[test]
fn bad_flags_are_refused_with_pflags_text_and_the_usage() {
    for (args, text) in [
        (&["put", "k", "v", "--nope"][..], "unknown flag: --nope"),
        (
            &["get", "k", "-wx", "-q"],
            "unknown shorthand flag: 'q' in -q",
        ),
        (
            &["get", "k", "--command-timeout", "5"],
            "invalid argument \"5\" for \"--command-timeout\" flag: time: missing unit in duration \"5\"",
        ),
        (
            &["get", "k", "--rev", "0x"],
            "invalid argument \"0x\" for \"--rev\" flag: strconv.ParseInt: parsing \"0x\": invalid syntax",
        ),
        (
            &["get", "k", "--max-recv-bytes=99999999999999999999"],
            "invalid argument \"99999999999999999999\" for \"--max-recv-bytes\" flag: strconv.ParseInt: parsing \"99999999999999999999\": value out of range",
        ),
        (
            &["get", "k", "--endpoints", "a\"b"],
            "invalid argument \"a\\\"b\" for \"--endpoints\" flag: parse error on line 1, column 2: bare \" in non-quoted-field",
        ),
    ] {
        let run = Program::etcdctl()
            .arg(NOBODY)
            .args(args)
            .run()
            .failure(1, "");
        let usage = run
            .err()
            .lines()
            .filter(|l| !l.starts_with("hint: "))
            .map(|l| format!("{l}\n"))
            .collect::<String>();
        let expected = format!("Error: {text}\nUsage: etcdctl ");
        assert!(usage.starts_with(&expected), "{run}");
        assert_eq!(run.out(), "");
        assert!(!run.err().contains("error:"), "clap's own words: {run}");
    }
}

#[test]
fn a_command_that_is_unknown_or_not_unique_is_refused_with_suggestions() {
    let run = Program::etcdctl()
        .args(["snapshto", "save"])
        .run()
        .failure(1, "");
    assert_eq!(
        run.err(),
        "Error: unknown command \"snapshto\" for \"etcdctl\"\n\nDid you mean this?\n\tsnapshot\n\nRun 'etcdctl --help' for usage.\n"
    );
    // Commands that etcdctl does not have do not make its prefixes ambiguous.
    for prefix in [&["s", "save"][..], &["snapshot", "s"]] {
        let error = "Error: snapshot save expects one argument <filename>\n";
        Program::etcdctl().args(prefix).run().failure(128, error);
    }
    Program::etcdctl()
        .arg("co")
        .run()
        .failure(1, "\tcompaction\n\tcompletion\n");
}

#[test]
fn an_argument_may_be_empty_or_not_valid_text() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let no_text = OsStr::from_bytes(b"\xff\xfe");
    Program::etcdctl()
        .arg(no_text)
        .run()
        .failure(1, "Error: unknown command \"\\xff\\xfe\" for \"etcdctl\"");
    Program::etcdctl()
        .args(["compaction", "1"])
        .arg(no_text)
        .run()
        .failure(128, "Error: compaction command needs 1 argument");
    Program::etcdctl()
        .arg(no_text)
        .run()
        .failure(1, "Error: unknown command ");
    Program::etcdctl()
        .args(["get", "k", "--order"])
        .arg(no_text)
        .run()
        .failure(4, "Error: bad sort order ");
    Program::etcdctl()
        .args(["compaction", ""])
        .run()
        .failure(1, "Error: strconv.ParseInt: parsing \"\": invalid syntax\n");
    Program::etcdctl()
        .args(["--endpoints", "", "get", "k"])
        .run()
        .failure(2, "Error: etcdclient: no available endpoints\n");
    Program::etcdctl()
        .args(["snapshot", "status", ""])
        .run()
        .failure(1, "Error: ");
}

#[test]
fn help_is_for_people_and_goes_to_stdout() {
    let run = Program::etcdctl().args(["get", "--help"]).run().success();
    let out = run.out();
    for part in [
        "\nUsage: etcdctl get [options] <key> [range_end]\n",
        "      --rev <revision> ",
        "[default: 0]",
        "\nExamples:\n",
        "Use \"etcdctl options\" for a list of global command-line options",
    ] {
        assert!(out.contains(part), "{part:?} is missing in {out}");
    }
    assert_eq!(run.err(), "");
    assert!(
        !out.contains("--write-out <"),
        "global flags belong to `options`"
    );
    let same = Program::etcdctl().args(["help", "get"]).run().success();
    assert_eq!(same.out(), out);
    // Only the name of the command is used.
    for topic in [&["get", "--", "-a"][..], &["get", "more"]] {
        let same = Program::etcdctl().arg("help").args(topic).run().success();
        assert_eq!(same.out(), out);
    }
    let whole = Program::etcdctl().arg("help").run().success().out();
    let same = Program::etcdctl().args(["help", "--", "-a"]).run();
    assert_eq!(same.success().out(), whole);
}

#[test]
fn with_json_a_line_that_can_not_be_read_is_one_object_too() {
    for (args, object) in [
        (
            &["get", "k", "--nope", "-w", "json"][..],
            r#"{"error":"unknown flag: --nope","exit":1,"hints":["to pass --nope as an argument rather than a flag, put it after --: -- --nope"]}"#,
        ),
        (
            &["-wjson", "snapshto"],
            r#"{"error":"unknown command \"snapshto\" for \"etcdctl\"","exit":1}"#,
        ),
        (
            &["completion", "--write-out=json"],
            r#"{"error":"accepts 1 arg(s), received 0","exit":1}"#,
        ),
    ] {
        let run = Program::etcdctl().args(args).run().failure(1, object);
        assert_eq!(run.err(), format!("{object}\n"));
        assert_eq!(run.out(), "");
    }
    let object = r#"{"error":"invalid txn request: get k --nope","exit":3}"#;
    let run = Program::etcdctl()
        .args([NOBODY, "txn", "-w", "json"])
        .stdin(b"\nget k --nope\n\n\n")
        .run()
        .failure(3, object);
    assert_eq!(run.err(), format!("{object}\n"));
}

#[test]
fn options_names_every_global_flag_and_its_variable() {
    let out = Program::etcdctl().arg("options").run().success().out();
    for (flag, variable) in [
        ("--endpoints", "ETCDCTL_ENDPOINTS"),
        ("--write-out", "ETCDCTL_WRITE_OUT"),
        ("--command-timeout", "ETCDCTL_COMMAND_TIMEOUT"),
        ("--dial-timeout", "ETCDCTL_DIAL_TIMEOUT"),
        ("--insecure-transport", "ETCDCTL_INSECURE_TRANSPORT"),
        ("--discovery-srv-name", "ETCDCTL_DISCOVERY_SRV_NAME"),
    ] {
        assert!(
            out.contains(flag) && out.contains(variable),
            "{flag} in {out}"
        );
    }
}

#[test]
fn global_flags_before_serve_work_or_are_refused_by_name() {
    let dir = scratch();
    let data = format!("--data-dir={}", dir.path().join("file/d").display());
    std::fs::write(dir.path().join("file"), "").expect("a file can be written");
    let run = |args: &[&str]| Program::etcdctl().args(args).run().failure(1, "");
    let format = run(&["-w", "json", "--hex", "serve", &data, "--log-level=error"]);
    assert!(format.err().starts_with("{\"error\":\""), "{format}");
    let client = run(&["--endpoints=127.0.0.1:1", "serve", &data]);
    let refused = "Error: --endpoints before `serve` is for commands that contact a server\nhint: ";
    assert!(client.err().starts_with(refused), "{client}");
    for (args, text) in [
        (["serve", "-w", "json"], "Error: unknown flag: -w\n"),
        (["serve", "--zz", "x"], "Error: unknown flag: --zz\n"),
        (
            ["--zz", "x", "serve"],
            "Error: unknown flag: --zz\nUsage: etcdctl ",
        ),
    ] {
        let refused = run(&args);
        assert!(refused.err().starts_with(text), "{refused}");
    }
    let help = Program::etcdctl().args(["serve", "--help"]).run().success();
    assert!(help.out().contains("--quota-backend-bytes"), "{help}");
    for args in [
        &["--help", "serve"][..],
        &["help", "serve"],
        &["-wjson", "-h", "serve"],
    ] {
        let other = Program::etcdctl().args(args).run().success();
        assert_eq!(other.out(), help.out(), "{args:?}");
    }
}

#[test]
fn bytes_that_are_not_text_are_printed_unchanged_and_can_name_files() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let dir = scratch();
    let endpoint = format!("--endpoints=embedded:{}", dir.path().join("d").display());
    for (exit, args, error) in [
        (4, &[&b"get"[..], b"k", b"--order=a\xffb"][..], &b"bad sort order a\xffb\n"[..]),
        (4, &[b"get", b"k", b"--consistency=\xff"], b"unknown consistency flag \"\\xff\"\n"),
        (1, &[b"get", b"k", b"--rev=\xe4"], b"invalid argument \"\\xe4\" for \"--rev\" flag: strconv.ParseInt: parsing \"\\xe4\": invalid syntax\n"),
        (1, &[b"get", b"k", b"--dial-timeout=\xe4"], b"invalid argument \"\\xe4\" for \"--dial-timeout\" flag: time: invalid duration \"\\xe4\"\n"),
        (128, &[b"put", b"k", b"v", b"--lease=\xff"], b"bad lease ID (strconv.ParseInt: parsing \"\\xff\": invalid syntax), expecting ID in Hex\n"),
        (128, &[b"get", b"k", b"--cacert=/no/\xff"], b"open /no/\xff: no such file or directory\n"),
        (2, &[b"get", b"k", b"--user=\xff", b"--password=x"], b"rpc error: code = Internal desc = grpc: error while marshaling: string field contains invalid UTF-8\n"),
        (1, &[b"get", b"k", b"--n\xff=1"], b"unknown flag: --n\xff\n"),
        (1, &[b"get", b"k", b"-\xff"], b"unknown shorthand flag: '\xc3\x83' in -\xff\n"),
        (1, &[b"compaction", b"\xff"], b"strconv.ParseInt: parsing \"\\xff\": invalid syntax\n"),
        (5, &[b"snapshot", b"save", b"/no/\xff"], b"could not open /no/\xff.part (open /no/\xff.part: no such file or directory)\n"),
        (1, &[b"completion", b"\xff"], b"invalid argument \"\\xff\" for \"etcdctl completion\"\n"),
    ] {
        let run = Program::etcdctl()
            .arg(&endpoint)
            .args(args.iter().map(|a| OsStr::from_bytes(a)))
            .run()
            .failure(exit, "");
        let expected = [b"Error: ", error].concat();
        assert!(run.stderr.starts_with(&expected), "{run}");
    }
    // A file name that is not valid UTF-8 works wherever a file can be named.
    Program::etcdctl()
        .arg(&endpoint)
        .args(["put", "k", "v"])
        .run()
        .success();
    let file = dir.path().join(OsStr::from_bytes(b"b\xe4ckup.db"));
    let saved = Program::etcdctl()
        .arg(&endpoint)
        .args(["snapshot", "save"])
        .arg(&file)
        .run()
        .success();
    let path = file.as_os_str().as_bytes();
    assert!(
        saved
            .stdout
            .starts_with(&[b"Snapshot saved at ", path, b"\n"].concat()),
        "{saved}"
    );
    let other = dir.path().join(OsStr::from_bytes(b"\xe4"));
    let endpoint = [b"--endpoints=embedded:", other.as_os_str().as_bytes()].concat();
    Program::etcdctl()
        .arg(OsStr::from_bytes(&endpoint))
        .args(["put", "k", "v"])
        .run()
        .success();
    assert!(other.join("db").is_file());
}

#[test]
fn invalid_transaction_lines_are_quoted_as_typed() {
    for (exit, line, error) in [
        (3, &b"f\xff(\"a\") = \"x\"\n\n\n\n"[..], &b"malformed comparison: f\xff(\"a\") = \"x\" (unknown target f\xff)\n"[..]),
        (3, b"ver(\"a\") = \"\xff\"\n\n\n\n", b"invalid txn compare request: ver(\"a\") = \"\xff\"\n"),
        (3, b"\n\xff x\n\n\n", b"invalid txn request: \xff x\n"),
        (4, b"\nget a --order=\xff\n\n\n", b"bad sort order \xff\n"),
        (128, b"\nput k v --lease=\xff\n\n\n", b"bad lease ID (strconv.ParseInt: parsing \"\\xff\": invalid syntax), expecting ID in Hex\n"),
    ] {
        let run = Program::etcdctl()
            .args([NOBODY, "txn"])
            .stdin(line)
            .run()
            .failure(exit, "");
        assert!(run.stderr.starts_with(&[b"Error: ", error].concat()), "{run}");
    }
}

#[test]
fn the_help_of_each_command_has_a_line_for_it_and_examples() {
    for command in [
        "get",
        "put",
        "del",
        "txn",
        "compaction",
        "alarm list",
        "alarm disarm",
        "defrag",
        "endpoint",
        "endpoint health",
        "endpoint status",
        "endpoint hashkv",
        "member list",
        "snapshot save",
        "snapshot status",
        "completion",
        "serve",
    ] {
        let help = Program::etcdctl()
            .args(command.split(' '))
            .arg("--help")
            .run()
            .success()
            .out();
        let line = help.lines().next().unwrap_or_default();
        assert!(line.len() < 70 && !line.ends_with('.'), "{command}: {line}");
        let (_, examples) = help.split_once("\nExamples:\n").unwrap_or_default();
        assert!(examples.contains(command), "{help}");
    }
}

#[test]
fn help_fits_the_terminal_and_lists_commands_under_headings() {
    let help = Program::etcdctl().arg("--help").run().success().out();
    for heading in [
        "Key-value commands:",
        "Cluster maintenance commands:",
        "Concurrency commands:",
        "Authentication commands:",
        "Utility commands:",
    ] {
        assert!(
            help.contains(&format!("\n{heading}\n")),
            "{heading}: {help}"
        );
    }
    for command in [
        &["--help"][..],
        &["snapshot", "save", "--help"],
        &["options"],
        &["get", "-h"],
    ] {
        let help = Program::etcdctl().args(command).run().success().out();
        // Examples are not wrapped, so that they can be copied.
        let text = help
            .split("\nExamples:\n")
            .next()
            .unwrap_or_default()
            .to_owned();
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{command:?}: {line}");
        }
    }
    let watch = Program::etcdctl()
        .args(["help", "watch"])
        .run()
        .success()
        .out();
    assert!(
        watch.starts_with("Watch a key or a range of keys\n"),
        "{watch}"
    );
}

#[test]
fn the_flag_version_prints_the_version() {
    let version = Program::etcdctl().arg("version").run().success().out();
    for args in [
        &["--version"][..],
        &["--hex", "--version"],
        &["--version", "-w", "simple"],
    ] {
        let run = Program::etcdctl().args(args).run().success();
        assert_eq!(run.out(), version);
    }
    // After a command, it is a flag of that command, which does not have it.
    Program::etcdctl()
        .args(["get", "k", "--version"])
        .run()
        .failure(1, "Error: unknown flag: --version\n");
}

#[test]
fn likely_alternatives_are_suggested() {
    for (args, hint) in [
        (
            &["get", "k", "--prefx"][..],
            "hint: did you mean --prefix?\n",
        ),
        (
            &["get", "k", "--endpoint=a:1"],
            "hint: did you mean --endpoints?\n",
        ),
        (
            &["put", "temperature", "-5"],
            "hint: to pass -5 as an argument rather than a flag, put it after --: -- -5\n",
        ),
    ] {
        Program::etcdctl().args(args).run().failure(1, hint);
    }
    Program::etcdctl()
        .args([NOBODY, "txn"])
        .stdin("value(\"a\")=\"b\"\n\n\n\n")
        .run()
        .failure(3, "hint: put spaces around the operator");
}

#[test]
fn a_mistyped_command_of_a_group_has_a_suggestion() {
    for (args, hint) in [
        (
            &["endpoint", "helth"][..],
            "hint: etcdctl endpoint has no command \"helth\"; did you mean health?\n",
        ),
        (
            &["role", "grant-permision", "r"],
            "hint: etcdctl role has no command \"grant-permision\"; did you mean grant-permission?\n",
        ),
        (
            &["snapshot", "nothing"],
            "hint: etcdctl snapshot has no command \"nothing\"\n",
        ),
    ] {
        // etcdctl shows the help and succeeds.
        let run = Program::etcdctl().args(args).run().success();
        let help = Program::etcdctl().args(["help", args[0]]).run().success();
        assert_eq!((run.out(), run.err().as_str()), (help.out(), hint));
    }
    let run = Program::etcdctl().args(["serve", "--data-dri=x"]).run();
    let run = run.failure(1, "unknown flag: --data-dri; did you mean --data-dir?");
    assert_eq!(run.err().lines().count(), 1, "{run}");
}
