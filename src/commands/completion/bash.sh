# Completion of PROGRAM for bash: source this file, or copy it to /etc/bash_completion.d.
_PROGRAM() {
    # Bash splits `--flag=value` and `scheme:path` into several words; join them again.
    local words=() piece joined=0 i
    for ((i = 1; i <= COMP_CWORD; i++)); do
        piece="${COMP_WORDS[i]}"
        if [[ "$piece" == [=:] || $joined == 1 ]] && ((${#words[@]})); then
            words[${#words[@]} - 1]+="$piece"
        else
            words+=("$piece")
        fi
        [[ "$piece" == [=:] ]] && joined=1 || joined=0
    done
    ((${#words[@]})) || words=("")
    local cur="${words[${#words[@]} - 1]}" last="${COMP_WORDS[COMP_CWORD]}"
    [[ "$cur" == --*=* ]] && cur="${cur#*=}"
    [[ "$last" == [=:] ]] && last=""
    # Bash replaces only the last part of the word.
    local before="${cur%"$last"}" line="" after=""
    COMPREPLY=()
    while IFS= read -r line; do
        if [[ -z "$after" ]]; then
            after="$line"
            continue
        fi
        line="${line%%$'\t'*}"
        if [[ "$line" == "$before"* ]]; then
            COMPREPLY+=("${line#"$before"}")
        fi
    done < <("$1" __complete bash "${words[@]}" 2>/dev/null)
    case "$after" in
        nothing) compopt -o nospace 2>/dev/null || : ;;
        files)
            while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$last")
            compopt -o filenames 2>/dev/null || :
            ;;
        directories)
            while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -d -- "$last")
            compopt -o filenames 2>/dev/null || :
            ;;
    esac
    return 0
}
complete -F _PROGRAM PROGRAM
