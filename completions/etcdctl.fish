# Completion of etcdctl for fish: copy this file to ~/.config/fish/completions.
function __etcdctl_complete
    set -l words (commandline -opc)
    set -l cur (commandline -ct)
    set -l lines ($words[1] __complete fish $words[2..-1] "$cur" 2>/dev/null)
    if test "$lines[1]" = files
        __fish_complete_path $cur
    end
    set -e lines[1]
    printf '%s\n' $lines
end
complete -c etcdctl -f -a '(__etcdctl_complete)'
