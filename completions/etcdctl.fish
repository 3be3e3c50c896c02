# Completion of etcdctl for fish: copy this file to ~/.config/fish/completions.
function __etcdctl_complete
    set -l words (commandline -opc)
    set -l cur (commandline -ct)
    set -l lines ($words[1] __complete fish $words[2..-1] "$cur" 2>/dev/null)
    # In `--flag=value`, the value is a path.
    set -l flag (string match -r -- '^--[^=]*=' "$cur")
    set -l path (string replace -r -- '^--[^=]*=' '' "$cur")
    set path (string unescape -- "$path" 2>/dev/null; or string unescape -- "$path\"" 2>/dev/null; or string unescape -- "$path'")
    switch "$lines[1]"
        case files
            string replace -r -- '^' "$flag" (__fish_complete_path "$path")
        case directories
            string replace -r -- '^' "$flag" (__fish_complete_directories "$path" '')
    end
    set -e lines[1]
    printf '%s\n' $lines
end
complete -c etcdctl -f -a '(__etcdctl_complete)'
