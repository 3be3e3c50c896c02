# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_etcdutl_global_optspecs
    string join \n w/write-out= timeout=
end

function __fish_etcdutl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_etcdutl_global_optspecs) -- $cmd 2>/dev/null
    or begin
        set -e cmd[-1]
        argparse -s (__fish_etcdutl_global_optspecs) -- $cmd 2>/dev/null
    end
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_etcdutl_using_subcommand
    set -l cmd (__fish_etcdutl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c etcdutl -n "__fish_etcdutl_needs_command" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdutl -n "__fish_etcdutl_needs_command" -l timeout -d 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]' -r
complete -c etcdutl -n "__fish_etcdutl_needs_command" -f -a "snapshot" -d 'Look into snapshots'
complete -c etcdutl -n "__fish_etcdutl_needs_command" -f -a "hashkv" -d 'Print the hash of the history of keys in a file'
complete -c etcdutl -n "__fish_etcdutl_needs_command" -f -a "version" -d 'Print the version'
complete -c etcdutl -n "__fish_etcdutl_needs_command" -f -a "completion" -d 'Print a completion script for a shell'
complete -c etcdutl -n "__fish_etcdutl_needs_command" -f -a "help" -d 'Show the help of a command'
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and not __fish_seen_subcommand_from status" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and not __fish_seen_subcommand_from status" -l timeout -d 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and not __fish_seen_subcommand_from status" -f -a "status" -d 'Inspect a saved snapshot, or a stopped member\'s member/snap/db'
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and __fish_seen_subcommand_from status" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and __fish_seen_subcommand_from status" -l timeout -d 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand hashkv" -l rev -d 'Revision up to which the history is hashed; 0 is the latest [default: 0]' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand hashkv" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand hashkv" -l timeout -d 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand version" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand version" -l timeout -d 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand completion" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand completion" -l timeout -d 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand help" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand help" -l timeout -d 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand completion" -f -a "bash zsh fish powershell"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand help" -f -a "snapshot hashkv version completion help"
