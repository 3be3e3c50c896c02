
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
            [CompletionResult]::new('snapshot', 'snapshot', [CompletionResultType]::ParameterValue, 'Look into snapshots')
            [CompletionResult]::new('hashkv', 'hashkv', [CompletionResultType]::ParameterValue, 'Print the hash of the history of keys in a file')
            [CompletionResult]::new('version', 'version', [CompletionResultType]::ParameterValue, 'Print the version')
            [CompletionResult]::new('completion', 'completion', [CompletionResultType]::ParameterValue, 'Print a completion script for a shell')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Show the help of a command')
            break
        }
        'etcdutl;snapshot' {
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--write-out', '--write-out', [CompletionResultType]::ParameterName, 'Output format: fields, json, protobuf, simple, table [default: simple]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Time to wait for the lock on a database file that is written to; 0 waits for ever [default: 10s]')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Inspect a saved snapshot, or a stopped member''s member/snap/db')
            break
        }
        'etcdutl;snapshot;status' {
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
