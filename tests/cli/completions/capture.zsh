# zsh -f capture.zsh FOLDER LINE: types LINE and a tab into an interactive zsh that has the scripts of FOLDER, and prints
# every word that it suggests as HIT<word>. It replaces the function that passes suggestions to zsh.
zmodload zsh/zpty
zpty shell zsh -f -i
send() { zpty -w shell "$1" }
# until MARK
read_to() { local line all=""; while zpty -r shell line; do all+=$line; [[ $all == *"$1"* ]] && break; done; REPLY=$all }
send "PROMPT= ; unsetopt zle_bracketed_paste; stty -echo; fpath=($1 \$fpath); autoload -Uz compinit; compinit -D -u"
send 'compadd() { if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi; local -a hits; builtin compadd -A hits "$@"; local h; for h in $hits; do print -r -- "HIT<$h>"; done; builtin compadd "$@" }'
send 'list() { print -r -- "BEGIN"; zle complete-word; print -r -- "FINISH"; exit }'
send 'zle -C complete-word complete-word _main_complete; zle -N list; bindkey "^I" list; print rea""dy'
read_to ready
zpty -n -w shell "$2"$'\t'
read_to FINISH
print -r -- "$REPLY"
