#compdef PROGRAM
# Completion of PROGRAM for zsh: copy this file as _PROGRAM into a folder of $fpath.
_PROGRAM() {
    local -a lines values shown
    local line
    lines=("${(@f)$("${words[1]}" __complete zsh "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    # Complete only the value of `--flag=value`.
    [[ "$PREFIX" == --*=* ]] && compset -P '*='
    for line in "${(@)lines[2,-1]}"; do
        values+=("${line%%$'\t'*}")
        if [[ "$line" == *$'\t'* ]]; then
            shown+=("${line%%$'\t'*}  -- ${line#*$'\t'}")
        else
            shown+=("$line")
        fi
    done
    case "${lines[1]}" in
        nothing) compadd -S '' -l -d shown -a values ;;
        files) _files ;;
        directories) _files -/ ;;
        *) ((${#values})) && compadd -l -d shown -a values ;;
    esac
}
if [[ "${funcstack[1]}" == _PROGRAM ]]; then
    _PROGRAM "$@"
else
    compdef _PROGRAM PROGRAM
fi
