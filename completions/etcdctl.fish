# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_etcdctl_global_optspecs
    string join \n endpoints= w/write-out= 'hex=?' command-timeout= dial-timeout= keepalive-time= keepalive-timeout= max-request-bytes= max-recv-bytes= user= password= auth-jwt-token= 'debug=?' cacert= cert= key= 'insecure-transport=?' 'insecure-skip-tls-verify=?' d/discovery-srv= discovery-srv-name= 'insecure-discovery=?'
end

function __fish_etcdctl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_etcdctl_global_optspecs) -- $cmd 2>/dev/null
    or begin
        set -e cmd[-1]
        argparse -s (__fish_etcdctl_global_optspecs) -- $cmd 2>/dev/null
    end
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_etcdctl_using_subcommand
    set -l cmd (__fish_etcdctl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c etcdctl -n "__fish_etcdctl_needs_command" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_needs_command" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_needs_command" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_needs_command" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_needs_command" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_needs_command" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_needs_command" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_needs_command" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_needs_command" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_needs_command" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_needs_command" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_needs_command" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_needs_command" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_needs_command" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_needs_command" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_needs_command" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_needs_command" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_needs_command" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_needs_command" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_needs_command" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_needs_command" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_needs_command" -f -a "get" -d 'Read a key or a range of keys'
complete -c etcdctl -n "__fish_etcdctl_needs_command" -f -a "put" -d 'Write a key'
complete -c etcdctl -n "__fish_etcdctl_needs_command" -f -a "del" -d 'Delete a key or a range of keys'
complete -c etcdctl -n "__fish_etcdctl_needs_command" -f -a "txn" -d 'Run a transaction read from stdin'
complete -c etcdctl -n "__fish_etcdctl_needs_command" -f -a "compaction" -d 'Drop the history before a revision'
complete -c etcdctl -n "__fish_etcdctl_needs_command" -f -a "alarm" -d 'List and clear alarms'
complete -c etcdctl -n "__fish_etcdctl_needs_command" -f -a "defrag" -d 'Give unused space of members\' databases back'
complete -c etcdctl -n "__fish_etcdctl_needs_command" -f -a "endpoint" -d 'Check endpoints one by one'
complete -c etcdctl -n "__fish_etcdctl_needs_command" -f -a "move-leader" -d 'Hand the leadership to another member'
complete -c etcdctl -n "__fish_etcdctl_needs_command" -f -a "watch" -d 'Watch a key or a range of keys'
complete -c etcdctl -n "__fish_etcdctl_needs_command" -f -a "version" -d 'Print the version'
complete -c etcdctl -n "__fish_etcdctl_needs_command" -f -a "lease" -d 'Create, renew and revoke leases'
complete -c etcdctl -n "__fish_etcdctl_needs_command" -f -a "member" -d 'List and change the members of the cluster'
complete -c etcdctl -n "__fish_etcdctl_needs_command" -f -a "snapshot" -d 'Save a member\'s database to a file, and inspect such files'
complete -c etcdctl -n "__fish_etcdctl_needs_command" -f -a "make-mirror" -d 'Copy keys to another cluster and follow their changes'
complete -c etcdctl -n "__fish_etcdctl_needs_command" -f -a "lock" -d 'Hold a named lock'
complete -c etcdctl -n "__fish_etcdctl_needs_command" -f -a "elect" -d 'Take part in an election, or observe it'
complete -c etcdctl -n "__fish_etcdctl_needs_command" -f -a "auth" -d 'Switch authentication on and off'
complete -c etcdctl -n "__fish_etcdctl_needs_command" -f -a "user" -d 'List and change users'
complete -c etcdctl -n "__fish_etcdctl_needs_command" -f -a "role" -d 'List and change roles and their permissions'
complete -c etcdctl -n "__fish_etcdctl_needs_command" -f -a "check" -d 'Check properties of the cluster'
complete -c etcdctl -n "__fish_etcdctl_needs_command" -f -a "completion" -d 'Print a completion script for a shell'
complete -c etcdctl -n "__fish_etcdctl_needs_command" -f -a "downgrade" -d 'Downgrade the cluster by one minor version'
complete -c etcdctl -n "__fish_etcdctl_needs_command" -f -a "options" -d 'List the flags that every command accepts'
complete -c etcdctl -n "__fish_etcdctl_needs_command" -f -a "serve" -d 'Run a single-member etcd-compatible server'
complete -c etcdctl -n "__fish_etcdctl_needs_command" -f -a "help" -d 'Show the help of a command'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l consistency -d 'Linearizable (l): the latest; serializable (s): what the asked member knows [default: l]' -r -f -a "l\t''
s\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l order -d 'Order of the results: ASCEND or DESCEND' -r -f -a "ASCEND\t''
DESCEND\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l sort-by -d 'What to sort by: CREATE, KEY, MODIFY, VALUE or VERSION' -r -f -a "CREATE\t''
KEY\t''
MODIFY\t''
VALUE\t''
VERSION\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l limit -d 'At most so many results; 0 is all [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l rev -d 'As it was at this revision; 0 is the latest [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l min-create-rev -d 'Only keys created at this revision or later' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l max-create-rev -d 'Only keys created at this revision or earlier' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l min-mod-rev -d 'Only keys last changed at this revision or later' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l max-mod-rev -d 'Only keys last changed at this revision or earlier' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l prefix -d 'Every key that begins with the given one'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l from-key -d 'Every key from the given one on'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l keys-only -d 'Keys without values'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l count-only -d 'Only how many (with --write-out=fields)'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l print-value-only -d 'Values without keys (with --write-out=simple)'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand get" -l stream -d 'Fetch the keys in several answers (servers of 3.7 and later)'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand put" -l lease -d 'Attach the key to this lease (hexadecimal) [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand put" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand put" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand put" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand put" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand put" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand put" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand put" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand put" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand put" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand put" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand put" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand put" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand put" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand put" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand put" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand put" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand put" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand put" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand put" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand put" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand put" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand put" -l prev-kv -d 'Print what was there before'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand put" -l ignore-value -d 'Keep the value that the key has'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand put" -l ignore-lease -d 'Keep the lease that the key has'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand del" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand del" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand del" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand del" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand del" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand del" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand del" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand del" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand del" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand del" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand del" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand del" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand del" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand del" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand del" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand del" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand del" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand del" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand del" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand del" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand del" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand del" -l prefix -d 'Every key that begins with the given one'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand del" -l prev-kv -d 'Print what was deleted'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand del" -l from-key -d 'Every key from the given one on'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand del" -l range -d 'Delete a range without waiting two seconds for an interrupt'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand txn" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand txn" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand txn" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand txn" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand txn" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand txn" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand txn" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand txn" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand txn" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand txn" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand txn" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand txn" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand txn" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand txn" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand txn" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand txn" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand txn" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand txn" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand txn" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand txn" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand txn" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand txn" -s i -l interactive -d 'Say which block comes next'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand compaction" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand compaction" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand compaction" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand compaction" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand compaction" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand compaction" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand compaction" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand compaction" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand compaction" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand compaction" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand compaction" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand compaction" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand compaction" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand compaction" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand compaction" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand compaction" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand compaction" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand compaction" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand compaction" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand compaction" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand compaction" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand compaction" -l physical -d 'Wait until the old revisions are removed from the database'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and not __fish_seen_subcommand_from disarm list" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and not __fish_seen_subcommand_from disarm list" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and not __fish_seen_subcommand_from disarm list" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and not __fish_seen_subcommand_from disarm list" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and not __fish_seen_subcommand_from disarm list" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and not __fish_seen_subcommand_from disarm list" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and not __fish_seen_subcommand_from disarm list" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and not __fish_seen_subcommand_from disarm list" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and not __fish_seen_subcommand_from disarm list" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and not __fish_seen_subcommand_from disarm list" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and not __fish_seen_subcommand_from disarm list" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and not __fish_seen_subcommand_from disarm list" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and not __fish_seen_subcommand_from disarm list" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and not __fish_seen_subcommand_from disarm list" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and not __fish_seen_subcommand_from disarm list" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and not __fish_seen_subcommand_from disarm list" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and not __fish_seen_subcommand_from disarm list" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and not __fish_seen_subcommand_from disarm list" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and not __fish_seen_subcommand_from disarm list" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and not __fish_seen_subcommand_from disarm list" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and not __fish_seen_subcommand_from disarm list" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and not __fish_seen_subcommand_from disarm list" -f -a "disarm" -d 'Clear every alarm'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and not __fish_seen_subcommand_from disarm list" -f -a "list" -d 'List the active alarms'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from disarm" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from disarm" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from disarm" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from disarm" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from disarm" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from disarm" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from disarm" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from disarm" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from disarm" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from disarm" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from disarm" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from disarm" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from disarm" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from disarm" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from disarm" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from disarm" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from disarm" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from disarm" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from disarm" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from disarm" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from disarm" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from list" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from list" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from list" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from list" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from list" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from list" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from list" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from list" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from list" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from list" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from list" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from list" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from list" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from list" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from list" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from list" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from list" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from list" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from list" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from list" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand alarm; and __fish_seen_subcommand_from list" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand defrag" -l cluster -d 'Every member of the cluster, not only the endpoints given' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand defrag" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand defrag" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand defrag" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand defrag" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand defrag" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand defrag" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand defrag" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand defrag" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand defrag" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand defrag" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand defrag" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand defrag" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand defrag" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand defrag" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand defrag" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand defrag" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand defrag" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand defrag" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand defrag" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand defrag" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand defrag" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and not __fish_seen_subcommand_from hashkv health status" -l cluster -d 'Ask every member of the cluster, not only the endpoints given [env: ETCDCTL_CLUSTER]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and not __fish_seen_subcommand_from hashkv health status" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and not __fish_seen_subcommand_from hashkv health status" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and not __fish_seen_subcommand_from hashkv health status" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and not __fish_seen_subcommand_from hashkv health status" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and not __fish_seen_subcommand_from hashkv health status" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and not __fish_seen_subcommand_from hashkv health status" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and not __fish_seen_subcommand_from hashkv health status" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and not __fish_seen_subcommand_from hashkv health status" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and not __fish_seen_subcommand_from hashkv health status" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and not __fish_seen_subcommand_from hashkv health status" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and not __fish_seen_subcommand_from hashkv health status" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and not __fish_seen_subcommand_from hashkv health status" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and not __fish_seen_subcommand_from hashkv health status" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and not __fish_seen_subcommand_from hashkv health status" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and not __fish_seen_subcommand_from hashkv health status" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and not __fish_seen_subcommand_from hashkv health status" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and not __fish_seen_subcommand_from hashkv health status" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and not __fish_seen_subcommand_from hashkv health status" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and not __fish_seen_subcommand_from hashkv health status" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and not __fish_seen_subcommand_from hashkv health status" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and not __fish_seen_subcommand_from hashkv health status" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and not __fish_seen_subcommand_from hashkv health status" -f -a "hashkv" -d 'Show the hash of the key history'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and not __fish_seen_subcommand_from hashkv health status" -f -a "health" -d 'Check that a read succeeds and no alarm is active'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and not __fish_seen_subcommand_from hashkv health status" -f -a "status" -d 'Show version, sizes, leader and raft state'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from hashkv" -l rev -d 'The last revision to hash; 0 is the latest [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from hashkv" -l cluster -d 'Ask every member of the cluster, not only the endpoints given [env: ETCDCTL_CLUSTER]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from hashkv" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from hashkv" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from hashkv" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from hashkv" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from hashkv" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from hashkv" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from hashkv" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from hashkv" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from hashkv" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from hashkv" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from hashkv" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from hashkv" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from hashkv" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from hashkv" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from hashkv" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from hashkv" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from hashkv" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from hashkv" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from hashkv" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from hashkv" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from hashkv" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from health" -l cluster -d 'Ask every member of the cluster, not only the endpoints given [env: ETCDCTL_CLUSTER]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from health" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from health" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from health" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from health" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from health" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from health" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from health" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from health" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from health" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from health" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from health" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from health" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from health" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from health" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from health" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from health" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from health" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from health" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from health" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from health" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from health" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from status" -l cluster -d 'Ask every member of the cluster, not only the endpoints given [env: ETCDCTL_CLUSTER]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from status" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from status" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from status" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from status" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from status" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from status" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from status" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from status" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from status" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from status" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from status" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from status" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from status" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from status" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from status" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from status" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from status" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from status" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from status" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from status" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand endpoint; and __fish_seen_subcommand_from status" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand move-leader" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand move-leader" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand move-leader" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand move-leader" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand move-leader" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand move-leader" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand move-leader" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand move-leader" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand move-leader" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand move-leader" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand move-leader" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand move-leader" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand move-leader" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand move-leader" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand move-leader" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand move-leader" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand move-leader" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand move-leader" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand move-leader" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand move-leader" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand move-leader" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand watch" -l rev -d 'First revision to watch; 0 is the next one [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand watch" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand watch" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand watch" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand watch" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand watch" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand watch" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand watch" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand watch" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand watch" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand watch" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand watch" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand watch" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand watch" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand watch" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand watch" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand watch" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand watch" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand watch" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand watch" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand watch" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand watch" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand watch" -s i -l interactive -d 'Read watches from stdin, one per line; the line `progress` asks how far they are'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand watch" -l prefix -d 'Watch every key that begins with <key>'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand watch" -l prev-kv -d 'Print the previous value too'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand watch" -l progress-notify -d 'Have the server report its revision from time to time'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand version" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand version" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand version" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand version" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand version" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand version" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand version" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand version" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand version" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand version" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand version" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand version" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand version" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand version" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand version" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand version" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand version" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand version" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand version" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand version" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand version" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and not __fish_seen_subcommand_from grant keep-alive list revoke timetolive" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and not __fish_seen_subcommand_from grant keep-alive list revoke timetolive" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and not __fish_seen_subcommand_from grant keep-alive list revoke timetolive" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and not __fish_seen_subcommand_from grant keep-alive list revoke timetolive" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and not __fish_seen_subcommand_from grant keep-alive list revoke timetolive" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and not __fish_seen_subcommand_from grant keep-alive list revoke timetolive" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and not __fish_seen_subcommand_from grant keep-alive list revoke timetolive" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and not __fish_seen_subcommand_from grant keep-alive list revoke timetolive" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and not __fish_seen_subcommand_from grant keep-alive list revoke timetolive" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and not __fish_seen_subcommand_from grant keep-alive list revoke timetolive" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and not __fish_seen_subcommand_from grant keep-alive list revoke timetolive" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and not __fish_seen_subcommand_from grant keep-alive list revoke timetolive" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and not __fish_seen_subcommand_from grant keep-alive list revoke timetolive" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and not __fish_seen_subcommand_from grant keep-alive list revoke timetolive" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and not __fish_seen_subcommand_from grant keep-alive list revoke timetolive" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and not __fish_seen_subcommand_from grant keep-alive list revoke timetolive" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and not __fish_seen_subcommand_from grant keep-alive list revoke timetolive" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and not __fish_seen_subcommand_from grant keep-alive list revoke timetolive" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and not __fish_seen_subcommand_from grant keep-alive list revoke timetolive" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and not __fish_seen_subcommand_from grant keep-alive list revoke timetolive" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and not __fish_seen_subcommand_from grant keep-alive list revoke timetolive" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and not __fish_seen_subcommand_from grant keep-alive list revoke timetolive" -f -a "grant" -d 'Create a lease'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and not __fish_seen_subcommand_from grant keep-alive list revoke timetolive" -f -a "keep-alive" -d 'Keep a lease alive'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and not __fish_seen_subcommand_from grant keep-alive list revoke timetolive" -f -a "list" -d 'List all leases'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and not __fish_seen_subcommand_from grant keep-alive list revoke timetolive" -f -a "revoke" -d 'Revoke a lease and delete its keys'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and not __fish_seen_subcommand_from grant keep-alive list revoke timetolive" -f -a "timetolive" -d 'Show the remaining time of a lease'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from grant" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from grant" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from grant" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from grant" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from grant" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from grant" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from grant" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from grant" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from grant" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from grant" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from grant" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from grant" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from grant" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from grant" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from grant" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from grant" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from grant" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from grant" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from grant" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from grant" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from grant" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from keep-alive" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from keep-alive" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from keep-alive" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from keep-alive" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from keep-alive" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from keep-alive" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from keep-alive" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from keep-alive" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from keep-alive" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from keep-alive" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from keep-alive" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from keep-alive" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from keep-alive" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from keep-alive" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from keep-alive" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from keep-alive" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from keep-alive" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from keep-alive" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from keep-alive" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from keep-alive" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from keep-alive" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from keep-alive" -l once -d 'Renew the lease once and exit'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from list" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from list" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from list" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from list" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from list" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from list" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from list" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from list" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from list" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from list" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from list" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from list" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from list" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from list" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from list" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from list" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from list" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from list" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from list" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from list" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from list" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from revoke" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from revoke" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from revoke" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from revoke" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from revoke" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from revoke" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from revoke" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from revoke" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from revoke" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from revoke" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from revoke" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from revoke" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from revoke" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from revoke" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from revoke" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from revoke" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from revoke" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from revoke" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from revoke" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from revoke" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from revoke" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from timetolive" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from timetolive" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from timetolive" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from timetolive" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from timetolive" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from timetolive" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from timetolive" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from timetolive" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from timetolive" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from timetolive" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from timetolive" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from timetolive" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from timetolive" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from timetolive" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from timetolive" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from timetolive" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from timetolive" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from timetolive" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from timetolive" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from timetolive" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from timetolive" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lease; and __fish_seen_subcommand_from timetolive" -l keys -d 'Show the keys that are attached to the lease'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and not __fish_seen_subcommand_from add list promote remove update" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and not __fish_seen_subcommand_from add list promote remove update" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and not __fish_seen_subcommand_from add list promote remove update" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and not __fish_seen_subcommand_from add list promote remove update" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and not __fish_seen_subcommand_from add list promote remove update" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and not __fish_seen_subcommand_from add list promote remove update" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and not __fish_seen_subcommand_from add list promote remove update" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and not __fish_seen_subcommand_from add list promote remove update" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and not __fish_seen_subcommand_from add list promote remove update" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and not __fish_seen_subcommand_from add list promote remove update" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and not __fish_seen_subcommand_from add list promote remove update" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and not __fish_seen_subcommand_from add list promote remove update" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and not __fish_seen_subcommand_from add list promote remove update" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and not __fish_seen_subcommand_from add list promote remove update" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and not __fish_seen_subcommand_from add list promote remove update" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and not __fish_seen_subcommand_from add list promote remove update" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and not __fish_seen_subcommand_from add list promote remove update" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and not __fish_seen_subcommand_from add list promote remove update" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and not __fish_seen_subcommand_from add list promote remove update" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and not __fish_seen_subcommand_from add list promote remove update" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and not __fish_seen_subcommand_from add list promote remove update" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and not __fish_seen_subcommand_from add list promote remove update" -f -a "add" -d 'Add a member to the cluster'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and not __fish_seen_subcommand_from add list promote remove update" -f -a "list" -d 'List the members of the cluster'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and not __fish_seen_subcommand_from add list promote remove update" -f -a "promote" -d 'Give a learner a vote'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and not __fish_seen_subcommand_from add list promote remove update" -f -a "remove" -d 'Remove a member from the cluster'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and not __fish_seen_subcommand_from add list promote remove update" -f -a "update" -d 'Change the peer URLs of a member'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from add" -l peer-urls -d 'Peer URLs of the new member, separated by commas' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from add" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from add" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from add" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from add" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from add" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from add" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from add" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from add" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from add" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from add" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from add" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from add" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from add" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from add" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from add" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from add" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from add" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from add" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from add" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from add" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from add" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from add" -l learner -d 'Add the member as a learner, without a vote'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from list" -l consistency -d 'Linearizable (l) asks for the latest state; serializable (s) for what the asked member knows [default: l]' -r -f -a "l\t''
s\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from list" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from list" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from list" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from list" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from list" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from list" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from list" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from list" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from list" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from list" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from list" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from list" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from list" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from list" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from list" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from list" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from list" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from list" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from list" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from list" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from list" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from promote" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from promote" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from promote" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from promote" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from promote" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from promote" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from promote" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from promote" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from promote" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from promote" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from promote" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from promote" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from promote" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from promote" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from promote" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from promote" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from promote" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from promote" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from promote" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from promote" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from promote" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from remove" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from remove" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from remove" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from remove" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from remove" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from remove" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from remove" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from remove" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from remove" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from remove" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from remove" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from remove" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from remove" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from remove" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from remove" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from remove" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from remove" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from remove" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from remove" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from remove" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from remove" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from update" -l peer-urls -d 'New peer URLs of the member, separated by commas' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from update" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from update" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from update" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from update" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from update" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from update" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from update" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from update" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from update" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from update" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from update" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from update" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from update" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from update" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from update" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from update" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from update" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from update" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from update" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from update" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand member; and __fish_seen_subcommand_from update" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and not __fish_seen_subcommand_from restore save status verify" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and not __fish_seen_subcommand_from restore save status verify" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and not __fish_seen_subcommand_from restore save status verify" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and not __fish_seen_subcommand_from restore save status verify" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and not __fish_seen_subcommand_from restore save status verify" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and not __fish_seen_subcommand_from restore save status verify" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and not __fish_seen_subcommand_from restore save status verify" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and not __fish_seen_subcommand_from restore save status verify" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and not __fish_seen_subcommand_from restore save status verify" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and not __fish_seen_subcommand_from restore save status verify" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and not __fish_seen_subcommand_from restore save status verify" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and not __fish_seen_subcommand_from restore save status verify" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and not __fish_seen_subcommand_from restore save status verify" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and not __fish_seen_subcommand_from restore save status verify" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and not __fish_seen_subcommand_from restore save status verify" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and not __fish_seen_subcommand_from restore save status verify" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and not __fish_seen_subcommand_from restore save status verify" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and not __fish_seen_subcommand_from restore save status verify" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and not __fish_seen_subcommand_from restore save status verify" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and not __fish_seen_subcommand_from restore save status verify" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and not __fish_seen_subcommand_from restore save status verify" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and not __fish_seen_subcommand_from restore save status verify" -f -a "restore" -d 'Restore a snapshot to a new data directory'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and not __fish_seen_subcommand_from restore save status verify" -f -a "save" -d 'Save a member\'s database to a file'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and not __fish_seen_subcommand_from restore save status verify" -f -a "status" -d 'Look into a file that was saved'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and not __fish_seen_subcommand_from restore save status verify" -f -a "verify" -d 'Verify that a snapshot can be restored, and that a server will serve it'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l data-dir -d 'Path of the new data directory [default: NAME.etcd]' -r -f -a "(__fish_complete_directories)"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l wal-dir -d 'Path of the new write-ahead log, if it is not to be inside the data directory' -r -f -a "(__fish_complete_directories)"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l initial-cluster -d 'Names and peer URLs of all members of the new cluster [default: default=http://localhost:2380]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l initial-cluster-token -d 'Token of the new cluster; it must differ from that of any other cluster [default: etcd-cluster]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l initial-advertise-peer-urls -d 'Peer URLs of this member [default: http://localhost:2380]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l name -d 'Name of this member [default: default]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l skip-hash-check -d 'Accept a file without a digest, as one that was copied from a data directory' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l initial-memory-map-size -d 'Bytes of the database that etcd maps at first; it decides how much the file grows [default: 10737418240]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l bump-revision -d 'By how much the revision grows, so that clients never see it go back; needs --mark-compacted [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l mark-compacted -d 'Declare everything up to the new revision compacted, so that watchers start anew; needs --bump-revision' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l for-serve -d 'Make a directory for `etcdctl serve` instead of one for etcd' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l target -d 'Make the directory usable by this release of etcd: 3.4, 3.5, 3.6 or 3.7' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l dry-run -d 'Check everything and show what would be made, without making it' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from save" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from save" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from status" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from status" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from status" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from status" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from status" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from status" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from status" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from status" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from status" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from status" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from status" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from status" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from status" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from status" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from status" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from status" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from status" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from status" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from status" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from status" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from status" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l require-key -d 'Key that must be there; can be given several times' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l min-keys -d 'Fewest keys that must be there [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l max-age -d 'Greatest age of the file, by the time at which it was last written' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l rehearse -d 'Read everything a second time, as a server does [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l target -d 'Release of etcd that is to start on it: 3.4, 3.5, 3.6 or 3.7' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand make-mirror" -l prefix -d 'Copy every key that begins with this prefix' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand make-mirror" -l rev -d 'Copy no keys, only the changes from this revision on; 0 copies both [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand make-mirror" -l max-txn-ops -d 'Changes in one transaction at the destination, at the most [default: 128]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand make-mirror" -l dest-prefix -d 'Replace the prefix by this one' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand make-mirror" -l dest-cert -d 'Certificate of this client, for TLS to the destination' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand make-mirror" -l dest-key -d 'Private key of --dest-cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand make-mirror" -l dest-cacert -d 'Certificate authorities to trust, for TLS to the destination' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand make-mirror" -l dest-insecure-transport -d 'Connect to the destination without TLS unless it is an https:// endpoint [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand make-mirror" -l dest-user -d 'User name at the destination, or name:password; a missing password is prompted for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand make-mirror" -l dest-password -d 'Password of --dest-user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand make-mirror" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand make-mirror" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand make-mirror" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand make-mirror" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand make-mirror" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand make-mirror" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand make-mirror" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand make-mirror" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand make-mirror" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand make-mirror" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand make-mirror" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand make-mirror" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand make-mirror" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand make-mirror" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand make-mirror" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand make-mirror" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand make-mirror" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand make-mirror" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand make-mirror" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand make-mirror" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand make-mirror" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand make-mirror" -l no-dest-prefix -d 'Remove the prefix'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lock" -l ttl -d 'Seconds after which the lock is free if this process can no longer reach the server [default: 10]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lock" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lock" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lock" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lock" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lock" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lock" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lock" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lock" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lock" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lock" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lock" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lock" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lock" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lock" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lock" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lock" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lock" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lock" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lock" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lock" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand lock" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand elect" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand elect" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand elect" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand elect" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand elect" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand elect" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand elect" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand elect" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand elect" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand elect" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand elect" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand elect" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand elect" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand elect" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand elect" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand elect" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand elect" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand elect" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand elect" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand elect" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand elect" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand elect" -s l -l listen -d 'Print each leader as it takes over'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and not __fish_seen_subcommand_from disable enable status" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and not __fish_seen_subcommand_from disable enable status" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and not __fish_seen_subcommand_from disable enable status" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and not __fish_seen_subcommand_from disable enable status" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and not __fish_seen_subcommand_from disable enable status" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and not __fish_seen_subcommand_from disable enable status" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and not __fish_seen_subcommand_from disable enable status" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and not __fish_seen_subcommand_from disable enable status" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and not __fish_seen_subcommand_from disable enable status" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and not __fish_seen_subcommand_from disable enable status" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and not __fish_seen_subcommand_from disable enable status" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and not __fish_seen_subcommand_from disable enable status" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and not __fish_seen_subcommand_from disable enable status" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and not __fish_seen_subcommand_from disable enable status" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and not __fish_seen_subcommand_from disable enable status" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and not __fish_seen_subcommand_from disable enable status" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and not __fish_seen_subcommand_from disable enable status" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and not __fish_seen_subcommand_from disable enable status" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and not __fish_seen_subcommand_from disable enable status" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and not __fish_seen_subcommand_from disable enable status" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and not __fish_seen_subcommand_from disable enable status" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and not __fish_seen_subcommand_from disable enable status" -f -a "disable" -d 'Switch authentication off'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and not __fish_seen_subcommand_from disable enable status" -f -a "enable" -d 'Switch authentication on'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and not __fish_seen_subcommand_from disable enable status" -f -a "status" -d 'Show whether authentication is on'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from disable" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from disable" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from disable" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from disable" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from disable" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from disable" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from disable" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from disable" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from disable" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from disable" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from disable" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from disable" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from disable" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from disable" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from disable" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from disable" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from disable" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from disable" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from disable" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from disable" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from disable" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from enable" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from enable" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from enable" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from enable" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from enable" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from enable" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from enable" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from enable" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from enable" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from enable" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from enable" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from enable" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from enable" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from enable" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from enable" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from enable" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from enable" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from enable" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from enable" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from enable" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from enable" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from status" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from status" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from status" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from status" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from status" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from status" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from status" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from status" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from status" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from status" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from status" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from status" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from status" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from status" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from status" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from status" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from status" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from status" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from status" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from status" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand auth; and __fish_seen_subcommand_from status" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and not __fish_seen_subcommand_from add delete get grant-role list passwd revoke-role" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and not __fish_seen_subcommand_from add delete get grant-role list passwd revoke-role" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and not __fish_seen_subcommand_from add delete get grant-role list passwd revoke-role" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and not __fish_seen_subcommand_from add delete get grant-role list passwd revoke-role" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and not __fish_seen_subcommand_from add delete get grant-role list passwd revoke-role" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and not __fish_seen_subcommand_from add delete get grant-role list passwd revoke-role" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and not __fish_seen_subcommand_from add delete get grant-role list passwd revoke-role" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and not __fish_seen_subcommand_from add delete get grant-role list passwd revoke-role" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and not __fish_seen_subcommand_from add delete get grant-role list passwd revoke-role" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and not __fish_seen_subcommand_from add delete get grant-role list passwd revoke-role" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and not __fish_seen_subcommand_from add delete get grant-role list passwd revoke-role" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and not __fish_seen_subcommand_from add delete get grant-role list passwd revoke-role" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and not __fish_seen_subcommand_from add delete get grant-role list passwd revoke-role" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and not __fish_seen_subcommand_from add delete get grant-role list passwd revoke-role" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and not __fish_seen_subcommand_from add delete get grant-role list passwd revoke-role" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and not __fish_seen_subcommand_from add delete get grant-role list passwd revoke-role" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and not __fish_seen_subcommand_from add delete get grant-role list passwd revoke-role" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and not __fish_seen_subcommand_from add delete get grant-role list passwd revoke-role" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and not __fish_seen_subcommand_from add delete get grant-role list passwd revoke-role" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and not __fish_seen_subcommand_from add delete get grant-role list passwd revoke-role" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and not __fish_seen_subcommand_from add delete get grant-role list passwd revoke-role" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and not __fish_seen_subcommand_from add delete get grant-role list passwd revoke-role" -f -a "add" -d 'Add a user'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and not __fish_seen_subcommand_from add delete get grant-role list passwd revoke-role" -f -a "delete" -d 'Delete a user'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and not __fish_seen_subcommand_from add delete get grant-role list passwd revoke-role" -f -a "get" -d 'Show the roles of a user'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and not __fish_seen_subcommand_from add delete get grant-role list passwd revoke-role" -f -a "grant-role" -d 'Grant a role to a user'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and not __fish_seen_subcommand_from add delete get grant-role list passwd revoke-role" -f -a "list" -d 'List the users'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and not __fish_seen_subcommand_from add delete get grant-role list passwd revoke-role" -f -a "passwd" -d 'Change the password of a user'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and not __fish_seen_subcommand_from add delete get grant-role list passwd revoke-role" -f -a "revoke-role" -d 'Revoke a role from a user'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from add" -l interactive -d 'Prompt for the password; otherwise read it from the first line of stdin [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from add" -l new-user-password -d 'Password of the new user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from add" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from add" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from add" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from add" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from add" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from add" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from add" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from add" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from add" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from add" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from add" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from add" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from add" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from add" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from add" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from add" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from add" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from add" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from add" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from add" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from add" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from add" -l no-password -d 'Create a user that can log in with a client certificate only'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from delete" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from delete" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from delete" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from delete" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from delete" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from delete" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from delete" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from delete" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from delete" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from delete" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from delete" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from delete" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from delete" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from delete" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from delete" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from delete" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from delete" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from delete" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from delete" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from delete" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from delete" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from get" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from get" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from get" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from get" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from get" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from get" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from get" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from get" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from get" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from get" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from get" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from get" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from get" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from get" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from get" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from get" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from get" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from get" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from get" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from get" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from get" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from get" -l detail -d 'Show the permissions of the roles'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from grant-role" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from grant-role" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from grant-role" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from grant-role" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from grant-role" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from grant-role" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from grant-role" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from grant-role" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from grant-role" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from grant-role" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from grant-role" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from grant-role" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from grant-role" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from grant-role" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from grant-role" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from grant-role" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from grant-role" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from grant-role" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from grant-role" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from grant-role" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from grant-role" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from list" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from list" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from list" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from list" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from list" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from list" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from list" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from list" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from list" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from list" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from list" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from list" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from list" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from list" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from list" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from list" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from list" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from list" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from list" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from list" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from list" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from passwd" -l interactive -d 'Prompt for the password; otherwise read it from the first line of stdin [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from passwd" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from passwd" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from passwd" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from passwd" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from passwd" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from passwd" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from passwd" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from passwd" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from passwd" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from passwd" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from passwd" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from passwd" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from passwd" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from passwd" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from passwd" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from passwd" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from passwd" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from passwd" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from passwd" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from passwd" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from passwd" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from revoke-role" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from revoke-role" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from revoke-role" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from revoke-role" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from revoke-role" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from revoke-role" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from revoke-role" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from revoke-role" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from revoke-role" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from revoke-role" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from revoke-role" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from revoke-role" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from revoke-role" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from revoke-role" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from revoke-role" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from revoke-role" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from revoke-role" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from revoke-role" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from revoke-role" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from revoke-role" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand user; and __fish_seen_subcommand_from revoke-role" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and not __fish_seen_subcommand_from add delete get grant-permission list revoke-permission" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and not __fish_seen_subcommand_from add delete get grant-permission list revoke-permission" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and not __fish_seen_subcommand_from add delete get grant-permission list revoke-permission" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and not __fish_seen_subcommand_from add delete get grant-permission list revoke-permission" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and not __fish_seen_subcommand_from add delete get grant-permission list revoke-permission" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and not __fish_seen_subcommand_from add delete get grant-permission list revoke-permission" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and not __fish_seen_subcommand_from add delete get grant-permission list revoke-permission" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and not __fish_seen_subcommand_from add delete get grant-permission list revoke-permission" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and not __fish_seen_subcommand_from add delete get grant-permission list revoke-permission" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and not __fish_seen_subcommand_from add delete get grant-permission list revoke-permission" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and not __fish_seen_subcommand_from add delete get grant-permission list revoke-permission" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and not __fish_seen_subcommand_from add delete get grant-permission list revoke-permission" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and not __fish_seen_subcommand_from add delete get grant-permission list revoke-permission" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and not __fish_seen_subcommand_from add delete get grant-permission list revoke-permission" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and not __fish_seen_subcommand_from add delete get grant-permission list revoke-permission" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and not __fish_seen_subcommand_from add delete get grant-permission list revoke-permission" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and not __fish_seen_subcommand_from add delete get grant-permission list revoke-permission" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and not __fish_seen_subcommand_from add delete get grant-permission list revoke-permission" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and not __fish_seen_subcommand_from add delete get grant-permission list revoke-permission" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and not __fish_seen_subcommand_from add delete get grant-permission list revoke-permission" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and not __fish_seen_subcommand_from add delete get grant-permission list revoke-permission" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and not __fish_seen_subcommand_from add delete get grant-permission list revoke-permission" -f -a "add" -d 'Add a role'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and not __fish_seen_subcommand_from add delete get grant-permission list revoke-permission" -f -a "delete" -d 'Delete a role'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and not __fish_seen_subcommand_from add delete get grant-permission list revoke-permission" -f -a "get" -d 'Show the permissions of a role'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and not __fish_seen_subcommand_from add delete get grant-permission list revoke-permission" -f -a "grant-permission" -d 'Grant a permission on a key or a range of keys to a role'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and not __fish_seen_subcommand_from add delete get grant-permission list revoke-permission" -f -a "list" -d 'List the roles'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and not __fish_seen_subcommand_from add delete get grant-permission list revoke-permission" -f -a "revoke-permission" -d 'Revoke a permission on a key or a range of keys from a role'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from add" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from add" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from add" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from add" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from add" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from add" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from add" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from add" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from add" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from add" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from add" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from add" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from add" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from add" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from add" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from add" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from add" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from add" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from add" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from add" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from add" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from delete" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from delete" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from delete" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from delete" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from delete" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from delete" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from delete" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from delete" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from delete" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from delete" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from delete" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from delete" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from delete" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from delete" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from delete" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from delete" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from delete" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from delete" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from delete" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from delete" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from delete" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from get" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from get" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from get" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from get" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from get" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from get" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from get" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from get" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from get" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from get" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from get" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from get" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from get" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from get" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from get" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from get" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from get" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from get" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from get" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from get" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from get" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from grant-permission" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from grant-permission" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from grant-permission" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from grant-permission" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from grant-permission" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from grant-permission" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from grant-permission" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from grant-permission" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from grant-permission" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from grant-permission" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from grant-permission" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from grant-permission" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from grant-permission" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from grant-permission" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from grant-permission" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from grant-permission" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from grant-permission" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from grant-permission" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from grant-permission" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from grant-permission" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from grant-permission" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from grant-permission" -l prefix -d 'All keys that begin with <key>'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from grant-permission" -l from-key -d 'All keys that are equal to <key> or follow it'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from list" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from list" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from list" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from list" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from list" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from list" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from list" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from list" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from list" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from list" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from list" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from list" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from list" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from list" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from list" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from list" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from list" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from list" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from list" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from list" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from list" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from revoke-permission" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from revoke-permission" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from revoke-permission" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from revoke-permission" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from revoke-permission" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from revoke-permission" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from revoke-permission" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from revoke-permission" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from revoke-permission" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from revoke-permission" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from revoke-permission" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from revoke-permission" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from revoke-permission" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from revoke-permission" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from revoke-permission" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from revoke-permission" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from revoke-permission" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from revoke-permission" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from revoke-permission" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from revoke-permission" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from revoke-permission" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from revoke-permission" -l prefix -d 'All keys that begin with <key>'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand role; and __fish_seen_subcommand_from revoke-permission" -l from-key -d 'All keys that are equal to <key> or follow it'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and not __fish_seen_subcommand_from datascale perf" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and not __fish_seen_subcommand_from datascale perf" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and not __fish_seen_subcommand_from datascale perf" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and not __fish_seen_subcommand_from datascale perf" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and not __fish_seen_subcommand_from datascale perf" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and not __fish_seen_subcommand_from datascale perf" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and not __fish_seen_subcommand_from datascale perf" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and not __fish_seen_subcommand_from datascale perf" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and not __fish_seen_subcommand_from datascale perf" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and not __fish_seen_subcommand_from datascale perf" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and not __fish_seen_subcommand_from datascale perf" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and not __fish_seen_subcommand_from datascale perf" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and not __fish_seen_subcommand_from datascale perf" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and not __fish_seen_subcommand_from datascale perf" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and not __fish_seen_subcommand_from datascale perf" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and not __fish_seen_subcommand_from datascale perf" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and not __fish_seen_subcommand_from datascale perf" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and not __fish_seen_subcommand_from datascale perf" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and not __fish_seen_subcommand_from datascale perf" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and not __fish_seen_subcommand_from datascale perf" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and not __fish_seen_subcommand_from datascale perf" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and not __fish_seen_subcommand_from datascale perf" -f -a "datascale" -d 'Check how much memory of the server data takes'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and not __fish_seen_subcommand_from datascale perf" -f -a "perf" -d 'Check whether the cluster is up to a load'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from datascale" -l load -d 'Size of the load: s, m, l or xl [default: s]' -r -f -a "s\t''
m\t''
l\t''
xl\t''
small\t''
medium\t''
large\t''
xLarge\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from datascale" -l prefix -d 'Prefix of the keys that are put [default: /etcdctl-check-datascale/]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from datascale" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from datascale" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from datascale" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from datascale" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from datascale" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from datascale" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from datascale" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from datascale" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from datascale" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from datascale" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from datascale" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from datascale" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from datascale" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from datascale" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from datascale" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from datascale" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from datascale" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from datascale" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from datascale" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from datascale" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from datascale" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from datascale" -l auto-compact -d 'Compact the history when the check is finished'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from datascale" -l auto-defrag -d 'Defragment the endpoints when the check is finished'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from perf" -l load -d 'Size of the load: s, m, l or xl [default: s]' -r -f -a "s\t''
m\t''
l\t''
xl\t''
small\t''
medium\t''
large\t''
xLarge\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from perf" -l prefix -d 'Prefix of the keys that are put [default: /etcdctl-check-perf/]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from perf" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from perf" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from perf" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from perf" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from perf" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from perf" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from perf" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from perf" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from perf" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from perf" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from perf" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from perf" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from perf" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from perf" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from perf" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from perf" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from perf" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from perf" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from perf" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from perf" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from perf" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from perf" -l auto-compact -d 'Compact the history when the check is finished'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand check; and __fish_seen_subcommand_from perf" -l auto-defrag -d 'Defragment the endpoints when the check is finished'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand completion" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand completion" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand completion" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand completion" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand completion" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand completion" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand completion" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand completion" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand completion" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand completion" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand completion" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand completion" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand completion" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand completion" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand completion" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand completion" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand completion" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand completion" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand completion" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand completion" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand completion" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and not __fish_seen_subcommand_from cancel enable validate" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and not __fish_seen_subcommand_from cancel enable validate" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and not __fish_seen_subcommand_from cancel enable validate" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and not __fish_seen_subcommand_from cancel enable validate" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and not __fish_seen_subcommand_from cancel enable validate" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and not __fish_seen_subcommand_from cancel enable validate" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and not __fish_seen_subcommand_from cancel enable validate" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and not __fish_seen_subcommand_from cancel enable validate" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and not __fish_seen_subcommand_from cancel enable validate" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and not __fish_seen_subcommand_from cancel enable validate" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and not __fish_seen_subcommand_from cancel enable validate" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and not __fish_seen_subcommand_from cancel enable validate" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and not __fish_seen_subcommand_from cancel enable validate" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and not __fish_seen_subcommand_from cancel enable validate" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and not __fish_seen_subcommand_from cancel enable validate" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and not __fish_seen_subcommand_from cancel enable validate" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and not __fish_seen_subcommand_from cancel enable validate" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and not __fish_seen_subcommand_from cancel enable validate" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and not __fish_seen_subcommand_from cancel enable validate" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and not __fish_seen_subcommand_from cancel enable validate" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and not __fish_seen_subcommand_from cancel enable validate" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and not __fish_seen_subcommand_from cancel enable validate" -f -a "cancel" -d 'Cancel a downgrade that is going on'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and not __fish_seen_subcommand_from cancel enable validate" -f -a "enable" -d 'Start to downgrade the cluster'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and not __fish_seen_subcommand_from cancel enable validate" -f -a "validate" -d 'Check whether the cluster can be downgraded'
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from cancel" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from cancel" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from cancel" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from cancel" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from cancel" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from cancel" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from cancel" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from cancel" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from cancel" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from cancel" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from cancel" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from cancel" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from cancel" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from cancel" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from cancel" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from cancel" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from cancel" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from cancel" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from cancel" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from cancel" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from cancel" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from enable" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from enable" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from enable" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from enable" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from enable" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from enable" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from enable" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from enable" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from enable" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from enable" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from enable" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from enable" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from enable" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from enable" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from enable" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from enable" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from enable" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from enable" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from enable" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from enable" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from enable" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from validate" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from validate" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from validate" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from validate" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from validate" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from validate" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from validate" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from validate" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from validate" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from validate" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from validate" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from validate" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from validate" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from validate" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from validate" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from validate" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from validate" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from validate" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from validate" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from validate" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand downgrade; and __fish_seen_subcommand_from validate" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand options" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand options" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand options" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand options" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand options" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand options" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand options" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand options" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand options" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand options" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand options" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand options" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand options" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand options" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand options" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand options" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand options" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand options" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand options" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand options" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand options" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l data-dir -d 'Directory that holds the database [default: ${name}.etcd] [env: ETCD_DATA_DIR]' -r -f -a "(__fish_complete_directories)"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l snapshot -d 'Snapshot, or stopped member\'s database, to serve read-only in place of a data directory [env: ETCD_SNAPSHOT]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l name -d 'Name of this member, as `member list` shows it [default: default] [env: ETCD_NAME]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l config-file -d 'YAML file with etcd\'s keys; other flags and the ETCD_* variables are then ignored [env: ETCD_CONFIG_FILE]' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l listen-client-urls -d 'Addresses to listen on for gRPC and HTTP: http://IP:PORT, https://IP:PORT (port 0: any free one), unix://PATH or unixs://PATH, separated by commas [default: http://localhost:2379] [env: ETCD_LISTEN_CLIENT_URLS]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l listen-client-http-urls -d 'Addresses for HTTP alone; --listen-client-urls is then for gRPC alone [env: ETCD_LISTEN_CLIENT_HTTP_URLS]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l listen-metrics-urls -d 'Further addresses that answer /metrics, /health, /livez and /readyz [env: ETCD_LISTEN_METRICS_URLS]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l advertise-client-urls -d 'Addresses that `member list` names; where only --listen-client-urls is given, those [default: http://localhost:2379] [env: ETCD_ADVERTISE_CLIENT_URLS]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l quota-backend-bytes -d 'Size of the database in bytes past which writes are refused; 0 is 2 GiB, below 0 is no quota [default: 0] [env: ETCD_QUOTA_BACKEND_BYTES]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l auto-compaction-mode -d 'What --auto-compaction-retention counts: periodic (time) or revision [default: periodic] [env: ETCD_AUTO_COMPACTION_MODE]' -r -f -a "periodic\t''
revision\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l auto-compaction-retention -d 'History to keep: a duration such as 30m, a number of hours, or a number of revisions; 0 keeps all [default: 0] [env: ETCD_AUTO_COMPACTION_RETENTION]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l compaction-batch-limit -d 'Revisions that a compaction removes in one step [default: 1000] [env: ETCD_COMPACTION_BATCH_LIMIT]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l compaction-sleep-interval -d 'Pause between two steps of a compaction [default: 10ms] [env: ETCD_COMPACTION_SLEEP_INTERVAL]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l bootstrap-defrag-threshold-megabytes -d 'Defragment before serving if that frees so many MiB at least; 0 never [default: 0] [env: ETCD_BOOTSTRAP_DEFRAG_THRESHOLD_MEGABYTES]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l max-txn-ops -d 'Operations that one transaction may hold [default: 128] [env: ETCD_MAX_TXN_OPS]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l max-request-bytes -d 'Size of a request in bytes past which it is refused [default: 1572864] [env: ETCD_MAX_REQUEST_BYTES]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l max-concurrent-streams -d 'Requests that one connection may have open [default: 4294967295] [env: ETCD_MAX_CONCURRENT_STREAMS]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l grpc-keepalive-min-time -d 'Shortest time between two pings of a client; one that pings more often is disconnected [default: 5s] [env: ETCD_GRPC_KEEPALIVE_MIN_TIME]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l grpc-keepalive-interval -d 'Time after which a silent connection is pinged; 0 never [default: 2h] [env: ETCD_GRPC_KEEPALIVE_INTERVAL]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l grpc-keepalive-timeout -d 'Time after which a connection that answers no ping is closed [default: 20s] [env: ETCD_GRPC_KEEPALIVE_TIMEOUT]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l socket-reuse-port -d 'Set SO_REUSEPORT on TCP listeners [default: false] [env: ETCD_SOCKET_REUSE_PORT]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l socket-reuse-address -d 'Set SO_REUSEADDR on TCP listeners [default: false] [env: ETCD_SOCKET_REUSE_ADDRESS]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l watch-progress-notify-interval -d 'Time between two progress notifications of an idle watch [default: 10m] [env: ETCD_WATCH_PROGRESS_NOTIFY_INTERVAL]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l cert-file -d 'Certificate of the server, PEM; read again when the file changes [env: ETCD_CERT_FILE]' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l key-file -d 'Private key of that certificate, PEM [env: ETCD_KEY_FILE]' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l trusted-ca-file -d 'Certificates of the authorities that may sign clients\' certificates, PEM [env: ETCD_TRUSTED_CA_FILE]' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l client-cert-auth -d 'Demand a certificate of every client [default: false] [env: ETCD_CLIENT_CERT_AUTH]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l client-crl-file -d 'Revocation list for clients\' certificates [env: ETCD_CLIENT_CRL_FILE]' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l client-cert-allowed-hostname -d 'Names of which a client\'s certificate must hold one [env: ETCD_CLIENT_CERT_ALLOWED_HOSTNAME]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l auto-tls -d 'Make a self-signed certificate, in DATA_DIR/fixtures/client [default: false] [env: ETCD_AUTO_TLS]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l self-signed-cert-validity -d 'Years for which --auto-tls\'s certificate is valid [default: 1] [env: ETCD_SELF_SIGNED_CERT_VALIDITY]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l cipher-suites -d 'Cipher suites of TLS 1.2 that may be used, by Go\'s names [env: ETCD_CIPHER_SUITES]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l tls-min-version -d 'Lowest version of TLS: TLS1.2 or TLS1.3 [default: TLS1.2] [env: ETCD_TLS_MIN_VERSION]' -r -f -a "TLS1.2\t''
TLS1.3\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l tls-max-version -d 'Highest version of TLS: TLS1.2, TLS1.3, or empty for any [env: ETCD_TLS_MAX_VERSION]' -r -f -a "TLS1.2\t''
TLS1.3\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l cors -d 'Origins that browsers may call from, separated by commas; empty or * allows all [default: *] [env: ETCD_CORS]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l host-whitelist -d 'Host names in HTTP requests that are accepted without TLS; empty or * accepts all [default: *] [env: ETCD_HOST_WHITELIST]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l enable-grpc-gateway -d 'Answer JSON requests under /v3/ as well [default: true] [env: ETCD_ENABLE_GRPC_GATEWAY]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l auth-token -d 'Tokens of logged-in users: simple, or jwt,sign-method=METHOD,priv-key=FILE[,pub-key=FILE][,ttl=10m] [default: simple] [env: ETCD_AUTH_TOKEN]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l auth-token-ttl -d 'Seconds that a simple token is good after its last use [default: 300] [env: ETCD_AUTH_TOKEN_TTL]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l bcrypt-cost -d 'Cost of hashing passwords with bcrypt, from 4 to 31 [default: 10] [env: ETCD_BCRYPT_COST]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l metrics -d 'Detail of /metrics: basic, or extensive with histograms of handling times [default: basic] [env: ETCD_METRICS]' -r -f -a "basic\t''
extensive\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l log-level -d 'Least important lines to log: debug, info, warn, error, panic or fatal [default: info] [env: ETCD_LOG_LEVEL]' -r -f -a "debug\t''
info\t''
warn\t''
error\t''
panic\t''
fatal\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l log-format -d 'Shape of a log line: json or console [default: json] [env: ETCD_LOG_FORMAT]' -r -f -a "json\t''
console\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l log-outputs -d 'Where the log goes: stderr, stdout, or names of files [default: default] [env: ETCD_LOG_OUTPUTS]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l warning-apply-duration -d 'Time after which the application of a request is logged as slow [default: 100ms] [env: ETCD_WARNING_APPLY_DURATION]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l warning-unary-request-duration -d 'Time after which a request is logged as slow [default: 300ms] [env: ETCD_WARNING_UNARY_REQUEST_DURATION]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l feature-gates -d 'etcd\'s feature gates, NAME=true or NAME=false, separated by commas [env: ETCD_FEATURE_GATES]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l initial-advertise-peer-urls -d 'Peer addresses, from which the member\'s id is made [default: http://localhost:2380] [env: ETCD_INITIAL_ADVERTISE_PEER_URLS]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l initial-cluster -d 'NAME=PEER_URL of this one member, from which the ids are made [default: default=http://localhost:2380] [env: ETCD_INITIAL_CLUSTER]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l initial-cluster-token -d 'Word that sets this cluster\'s ids apart from others\' [default: etcd-cluster] [env: ETCD_INITIAL_CLUSTER_TOKEN]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l initial-cluster-state -d 'new, or existing where the data directory has been served before [default: new] [env: ETCD_INITIAL_CLUSTER_STATE]' -r -f -a "new\t''
existing\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand serve" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand help" -l endpoints -d 'Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]' -r -f -a "127.0.0.1:2379\t''
http://\t''
https://\t''
unix://\t''
unixs://\t''
embedded:\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand help" -s w -l write-out -d 'Output format: fields, json, protobuf, simple, table [default: simple]' -r -f -a "fields\t''
json\t''
protobuf\t''
simple\t''
table\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand help" -l hex -d 'Print keys, values and ids in hexadecimal' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand help" -l command-timeout -d 'Time for a command, without that for connecting [default: 5s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand help" -l dial-timeout -d 'Time for each attempt to connect [default: 2s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand help" -l keepalive-time -d 'Time without traffic after which a running request pings the server [default: 2s, at least 10s is used]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand help" -l keepalive-timeout -d 'Time to wait for the answer to a ping [default: 6s]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand help" -l max-request-bytes -d 'Largest request to send, in bytes; 0 is 2 MiB [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand help" -l max-recv-bytes -d 'Largest answer to take, in bytes; 0 is no limit [default: 0]' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand help" -l user -d 'User name, or name:password; without a password it is asked for' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand help" -l password -d 'Password of --user' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand help" -l auth-jwt-token -d 'JSON web token to use in place of --user and --password' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand help" -l debug -d 'Say on stderr which settings are used' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand help" -l cacert -d 'Authorities to trust, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand help" -l cert -d 'Certificate of this client, for TLS' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand help" -l key -d 'Private key of --cert' -r -F
complete -c etcdctl -n "__fish_etcdctl_using_subcommand help" -l insecure-transport -d 'Talk without TLS where the endpoint does not say https [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand help" -l insecure-skip-tls-verify -d 'Take any certificate of the server (for tests only)' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand help" -s d -l discovery-srv -d 'Domain whose SRV records name the endpoints' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand help" -l discovery-srv-name -d 'Name of the service to look up with --discovery-srv' -r
complete -c etcdctl -n "__fish_etcdctl_using_subcommand help" -l insecure-discovery -d 'Take SRV records of endpoints without TLS [default: true]' -r -f -a "true\t''
false\t''"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand completion" -f -a "bash zsh fish powershell"
complete -c etcdctl -n "__fish_etcdctl_using_subcommand help" -f -a "get put del txn compaction alarm defrag endpoint move-leader watch version lease member snapshot make-mirror lock elect auth user role check completion downgrade options help serve"
