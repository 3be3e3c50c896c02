
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'etcdutl' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'etcdutl'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'etcdutl' {
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--write-out', '--write-out', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]')
            [CompletionResult]::new('defrag', 'defrag', [CompletionResultType]::ParameterValue, 'Defragment the database of a stopped member')
            [CompletionResult]::new('snapshot', 'snapshot', [CompletionResultType]::ParameterValue, 'Look into snapshots, and restore them')
            [CompletionResult]::new('hashkv', 'hashkv', [CompletionResultType]::ParameterValue, 'Print the hash of the history of keys in a file')
            [CompletionResult]::new('version', 'version', [CompletionResultType]::ParameterValue, 'Print the version')
            [CompletionResult]::new('completion', 'completion', [CompletionResultType]::ParameterValue, 'Print a completion script for a shell')
            [CompletionResult]::new('migrate', 'migrate', [CompletionResultType]::ParameterValue, 'Migrate the database of a stopped member to another version of etcd')
            [CompletionResult]::new('list-bucket', 'list-bucket', [CompletionResultType]::ParameterValue, 'List the buckets of a database file')
            [CompletionResult]::new('iterate-bucket', 'iterate-bucket', [CompletionResultType]::ParameterValue, 'List the records of a bucket, the last one first')
            [CompletionResult]::new('scan-keys', 'scan-keys', [CompletionResultType]::ParameterValue, 'List the records of the history of keys in all pages of a file')
            [CompletionResult]::new('hash', 'hash', [CompletionResultType]::ParameterValue, 'Print the hash over all buckets of a database file')
            [CompletionResult]::new('meta', 'meta', [CompletionResultType]::ParameterValue, 'Print the meta pages and the bucket meta of a database file')
            [CompletionResult]::new('wal', 'wal', [CompletionResultType]::ParameterValue, 'Look into a member''s write-ahead log')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Show the help of a command')
            break
        }
        'etcdutl;defrag' {
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Data directory of the member (required)')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--write-out', '--write-out', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]')
            break
        }
        'etcdutl;snapshot' {
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--write-out', '--write-out', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]')
            [CompletionResult]::new('restore', 'restore', [CompletionResultType]::ParameterValue, 'Restore a snapshot to a new data directory')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Inspect a saved snapshot, or a stopped member''s member/snap/db')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Verify that a snapshot can be restored, and that a server will serve it')
            break
        }
        'etcdutl;snapshot;restore' {
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Path of the new data directory [default: NAME.etcd]')
            [CompletionResult]::new('--wal-dir', '--wal-dir', [CompletionResultType]::ParameterName, 'Path of the new write-ahead log, if it is not to be inside the data directory')
            [CompletionResult]::new('--initial-cluster', '--initial-cluster', [CompletionResultType]::ParameterName, 'Names and peer URLs of all members of the new cluster [default: default=http://localhost:2380]')
            [CompletionResult]::new('--initial-cluster-token', '--initial-cluster-token', [CompletionResultType]::ParameterName, 'Token of the new cluster; it must differ from that of any other cluster [default: etcd-cluster]')
            [CompletionResult]::new('--initial-advertise-peer-urls', '--initial-advertise-peer-urls', [CompletionResultType]::ParameterName, 'Peer URLs of this member [default: http://localhost:2380]')
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'Name of this member [default: default]')
            [CompletionResult]::new('--skip-hash-check', '--skip-hash-check', [CompletionResultType]::ParameterName, 'Accept a file without a digest, as one that was copied from a data directory')
            [CompletionResult]::new('--initial-memory-map-size', '--initial-memory-map-size', [CompletionResultType]::ParameterName, 'Bytes of the database that etcd maps at first; it decides how much the file grows [default: 10737418240]')
            [CompletionResult]::new('--bump-revision', '--bump-revision', [CompletionResultType]::ParameterName, 'By how much the revision grows, so that clients never see it go back; needs --mark-compacted [default: 0]')
            [CompletionResult]::new('--mark-compacted', '--mark-compacted', [CompletionResultType]::ParameterName, 'Declare everything up to the new revision compacted, so that watchers start anew; needs --bump-revision')
            [CompletionResult]::new('--for-serve', '--for-serve', [CompletionResultType]::ParameterName, 'Make a directory for `etcdctl serve` instead of one for etcd')
            [CompletionResult]::new('--target', '--target', [CompletionResultType]::ParameterName, 'Make the directory usable by this release of etcd: 3.4, 3.5, 3.6 or 3.7')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Check everything and show what would be made, without making it')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--write-out', '--write-out', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]')
            break
        }
        'etcdutl;snapshot;status' {
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--write-out', '--write-out', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]')
            break
        }
        'etcdutl;snapshot;verify' {
            [CompletionResult]::new('--require-key', '--require-key', [CompletionResultType]::ParameterName, 'Key that must be there; can be given several times')
            [CompletionResult]::new('--min-keys', '--min-keys', [CompletionResultType]::ParameterName, 'Fewest keys that must be there [default: 0]')
            [CompletionResult]::new('--max-age', '--max-age', [CompletionResultType]::ParameterName, 'Greatest age of the file, by the time at which it was last written')
            [CompletionResult]::new('--rehearse', '--rehearse', [CompletionResultType]::ParameterName, 'Read everything a second time, as a server does [default: true]')
            [CompletionResult]::new('--target', '--target', [CompletionResultType]::ParameterName, 'Release of etcd that is to start on it: 3.4, 3.5, 3.6 or 3.7')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--write-out', '--write-out', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]')
            break
        }
        'etcdutl;hashkv' {
            [CompletionResult]::new('--rev', '--rev', [CompletionResultType]::ParameterName, 'Revision up to which the history is hashed; 0 is the latest [default: 0]')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--write-out', '--write-out', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]')
            break
        }
        'etcdutl;version' {
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--write-out', '--write-out', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]')
            break
        }
        'etcdutl;completion' {
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--write-out', '--write-out', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]')
            break
        }
        'etcdutl;migrate' {
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Data directory of the member (required)')
            [CompletionResult]::new('--target-version', '--target-version', [CompletionResultType]::ParameterName, 'Version of etcd that the database is to fit, 3.5 or above (required)')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Write the version even if the migration is not possible; not recommended')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--write-out', '--write-out', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]')
            break
        }
        'etcdutl;list-bucket' {
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--write-out', '--write-out', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]')
            break
        }
        'etcdutl;iterate-bucket' {
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Most records to list; 0 lists all [default: 0]')
            [CompletionResult]::new('--decode', '--decode', [CompletionResultType]::ParameterName, 'Decode the records')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--write-out', '--write-out', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]')
            break
        }
        'etcdutl;scan-keys' {
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--write-out', '--write-out', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]')
            break
        }
        'etcdutl;hash' {
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--write-out', '--write-out', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]')
            break
        }
        'etcdutl;meta' {
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--write-out', '--write-out', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]')
            break
        }
        'etcdutl;wal' {
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--write-out', '--write-out', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]')
            [CompletionResult]::new('dump', 'dump', [CompletionResultType]::ParameterValue, 'Show the write-ahead log of a member, its entries decoded')
            break
        }
        'etcdutl;wal;dump' {
            [CompletionResult]::new('--start-index', '--start-index', [CompletionResultType]::ParameterName, 'First index to show; from the newest raft snapshot on if not given')
            [CompletionResult]::new('--end-index', '--end-index', [CompletionResultType]::ParameterName, 'Index to stop before')
            [CompletionResult]::new('--start-snap', '--start-snap', [CompletionResultType]::ParameterName, 'Name of the raft snapshot file to start from')
            [CompletionResult]::new('--wal-dir', '--wal-dir', [CompletionResultType]::ParameterName, 'Directory of the log, if it is not inside the data directory')
            [CompletionResult]::new('--entry-type', '--entry-type', [CompletionResultType]::ParameterName, 'Kinds of entries to show: ConfigChange, Normal, Request, InternalRaftRequest, IRRRange, IRRPut, IRRDeleteRange, IRRTxn, IRRCompaction, IRRLeaseGrant, IRRLeaseRevoke, IRRLeaseCheckpoint [default: Normal,ConfigChange]')
            [CompletionResult]::new('--raw', '--raw', [CompletionResultType]::ParameterName, 'Show every record as it stands in the log, also behind damage')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--write-out', '--write-out', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]')
            break
        }
        'etcdutl;help' {
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--write-out', '--write-out', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
