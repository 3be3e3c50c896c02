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
complete -c etcdutl -n "__fish_etcdutl_needs_command" -f -a "defrag" -d 'Defragment the database of a stopped member'
complete -c etcdutl -n "__fish_etcdutl_needs_command" -f -a "snapshot" -d 'Look into snapshots, and restore them'
complete -c etcdutl -n "__fish_etcdutl_needs_command" -f -a "hashkv" -d 'Print the hash of the history of keys in a file'
complete -c etcdutl -n "__fish_etcdutl_needs_command" -f -a "version" -d 'Print the version'
complete -c etcdutl -n "__fish_etcdutl_needs_command" -f -a "completion" -d 'Print a completion script for a shell'
complete -c etcdutl -n "__fish_etcdutl_needs_command" -f -a "migrate" -d 'Migrate the database of a stopped member to another version of etcd'
complete -c etcdutl -n "__fish_etcdutl_needs_command" -f -a "list-bucket" -d 'List the buckets of a database file'
complete -c etcdutl -n "__fish_etcdutl_needs_command" -f -a "iterate-bucket" -d 'List the records of a bucket, the last one first'
complete -c etcdutl -n "__fish_etcdutl_needs_command" -f -a "scan-keys" -d 'List the records of the history of keys in all pages of a file'
complete -c etcdutl -n "__fish_etcdutl_needs_command" -f -a "hash" -d 'Print the hash over all buckets of a database file'
complete -c etcdutl -n "__fish_etcdutl_needs_command" -f -a "meta" -d 'Print the meta pages and the bucket meta of a database file'
complete -c etcdutl -n "__fish_etcdutl_needs_command" -f -a "wal" -d 'Look into a member\'s write-ahead log'
complete -c etcdutl -n "__fish_etcdutl_needs_command" -f -a "help" -d 'Show the help of a command'
complete -c etcdutl -n "__fish_etcdutl_using_subcommand defrag" -l data-dir -d 'Data directory of the member (required)' -r -f -a "(__fish_complete_directories)"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand defrag" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand defrag" -l timeout -d 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and not __fish_seen_subcommand_from restore status verify" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and not __fish_seen_subcommand_from restore status verify" -l timeout -d 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and not __fish_seen_subcommand_from restore status verify" -f -a "restore" -d 'Restore a snapshot to a new data directory'
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and not __fish_seen_subcommand_from restore status verify" -f -a "status" -d 'Inspect a saved snapshot, or a stopped member\'s member/snap/db'
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and not __fish_seen_subcommand_from restore status verify" -f -a "verify" -d 'Verify that a snapshot can be restored, and that a server will serve it'
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l data-dir -d 'Path of the new data directory [default: NAME.etcd]' -r -f -a "(__fish_complete_directories)"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l wal-dir -d 'Path of the new write-ahead log, if it is not to be inside the data directory' -r -f -a "(__fish_complete_directories)"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l initial-cluster -d 'Names and peer URLs of all members of the new cluster [default: default=http://localhost:2380]' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l initial-cluster-token -d 'Token of the new cluster; it must differ from that of any other cluster [default: etcd-cluster]' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l initial-advertise-peer-urls -d 'Peer URLs of this member [default: http://localhost:2380]' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l name -d 'Name of this member [default: default]' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l skip-hash-check -d 'Accept a file without a digest, as one that was copied from a data directory' -r -f -a "true\t''
false\t''"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l initial-memory-map-size -d 'Bytes of the database that etcd maps at first; it decides how much the file grows [default: 10737418240]' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l bump-revision -d 'By how much the revision grows, so that clients never see it go back; needs --mark-compacted [default: 0]' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l mark-compacted -d 'Declare everything up to the new revision compacted, so that watchers start anew; needs --bump-revision' -r -f -a "true\t''
false\t''"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l for-serve -d 'Make a directory for `etcdctl serve` instead of one for etcd' -r -f -a "true\t''
false\t''"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l target -d 'Make the directory usable by this release of etcd: 3.4, 3.5, 3.6 or 3.7' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l dry-run -d 'Check everything and show what would be made, without making it' -r -f -a "true\t''
false\t''"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l timeout -d 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and __fish_seen_subcommand_from status" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and __fish_seen_subcommand_from status" -l timeout -d 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l require-key -d 'Key that must be there; can be given several times' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l min-keys -d 'Fewest keys that must be there [default: 0]' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l max-age -d 'Greatest age of the file, by the time at which it was last written' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l rehearse -d 'Read everything a second time, as a server does [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l target -d 'Release of etcd that is to start on it: 3.4, 3.5, 3.6 or 3.7' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l timeout -d 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]' -r
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
complete -c etcdutl -n "__fish_etcdutl_using_subcommand migrate" -l data-dir -d 'Data directory of the member (required)' -r -f -a "(__fish_complete_directories)"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand migrate" -l target-version -d 'Version of etcd that the database is to fit, 3.5 or above (required)' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand migrate" -l force -d 'Write the version even if the migration is not possible; not recommended' -r -f -a "true\t''
false\t''"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand migrate" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand migrate" -l timeout -d 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand list-bucket" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand list-bucket" -l timeout -d 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand iterate-bucket" -l limit -d 'Most records to list; 0 lists all [default: 0]' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand iterate-bucket" -l decode -d 'Decode the records' -r -f -a "true\t''
false\t''"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand iterate-bucket" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand iterate-bucket" -l timeout -d 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand scan-keys" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand scan-keys" -l timeout -d 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand hash" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand hash" -l timeout -d 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand meta" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand meta" -l timeout -d 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand wal; and not __fish_seen_subcommand_from dump" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand wal; and not __fish_seen_subcommand_from dump" -l timeout -d 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand wal; and not __fish_seen_subcommand_from dump" -f -a "dump" -d 'Show the write-ahead log of a member, its entries decoded'
complete -c etcdutl -n "__fish_etcdutl_using_subcommand wal; and __fish_seen_subcommand_from dump" -l start-index -d 'First index to show; from the newest raft snapshot on if not given' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand wal; and __fish_seen_subcommand_from dump" -l end-index -d 'Index to stop before' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand wal; and __fish_seen_subcommand_from dump" -l start-snap -d 'Name of the raft snapshot file to start from' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand wal; and __fish_seen_subcommand_from dump" -l wal-dir -d 'Directory of the log, if it is not inside the data directory' -r -f -a "(__fish_complete_directories)"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand wal; and __fish_seen_subcommand_from dump" -l entry-type -d 'Kinds of entries to show: ConfigChange, Normal, Request, InternalRaftRequest, IRRRange, IRRPut, IRRDeleteRange, IRRTxn, IRRCompaction, IRRLeaseGrant, IRRLeaseRevoke, IRRLeaseCheckpoint [default: Normal,ConfigChange]' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand wal; and __fish_seen_subcommand_from dump" -l raw -d 'Show every record as it stands in the log, also behind damage' -r -f -a "true\t''
false\t''"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand wal; and __fish_seen_subcommand_from dump" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand wal; and __fish_seen_subcommand_from dump" -l timeout -d 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand help" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand help" -l timeout -d 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]' -r
complete -c etcdutl -n "__fish_etcdutl_using_subcommand completion" -f -a "bash zsh fish powershell"
complete -c etcdutl -n "__fish_etcdutl_using_subcommand help" -f -a "defrag snapshot hashkv version completion migrate list-bucket iterate-bucket scan-keys hash meta wal help"
