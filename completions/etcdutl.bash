_etcdutl() {
    local i cur prev opts cmd
    COMPREPLY=()
    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
        cur="$2"
    else
        cur="${COMP_WORDS[COMP_CWORD]}"
    fi
    prev="$3"
    if [[ "${prev}" == "=" ]]; then
        prev="${COMP_WORDS[COMP_CWORD-2]}"
    elif [[ "${COMP_WORDS[COMP_CWORD]}" == "=" ]]; then
        prev="${COMP_WORDS[COMP_CWORD-1]}"
        cur=""
    fi
    [[ "${COMP_WORDS[COMP_CWORD]}" == ":" ]] && cur="" && prev=":"
    if [[ "${prev}" == ":" ]]; then
        local scheme="${COMP_WORDS[COMP_CWORD-2]}"
        [[ "${COMP_WORDS[COMP_CWORD]}" == ":" ]] && scheme="${COMP_WORDS[COMP_CWORD-1]}"
        case "${scheme}" in
            embedded) COMPREPLY=( $(compgen -d -- "${cur}") ) ;;
            unix|unixs) COMPREPLY=( $(compgen -P // -f -- "${cur#//}") ) ;;
        esac
        compopt -o filenames 2>/dev/null || :
        return 0
    fi
    local hide=""
    [[ "${cur}" == -* ]] || hide="-*"
    cmd=""
    opts=""

    for i in "${COMP_WORDS[@]:0:COMP_CWORD}"
    do
        case "${cmd},${i}" in
            ",$1")
                cmd="etcdutl"
                ;;
            etcdutl,completion)
                cmd="etcdutl__subcmd__completion"
                ;;
            etcdutl,defrag)
                cmd="etcdutl__subcmd__defrag"
                ;;
            etcdutl,hash)
                cmd="etcdutl__subcmd__hash"
                ;;
            etcdutl,hashkv)
                cmd="etcdutl__subcmd__hashkv"
                ;;
            etcdutl,help)
                cmd="etcdutl__subcmd__help"
                ;;
            etcdutl,iterate-bucket)
                cmd="etcdutl__subcmd__iterate__subcmd__bucket"
                ;;
            etcdutl,list-bucket)
                cmd="etcdutl__subcmd__list__subcmd__bucket"
                ;;
            etcdutl,meta)
                cmd="etcdutl__subcmd__meta"
                ;;
            etcdutl,migrate)
                cmd="etcdutl__subcmd__migrate"
                ;;
            etcdutl,scan-keys)
                cmd="etcdutl__subcmd__scan__subcmd__keys"
                ;;
            etcdutl,snapshot)
                cmd="etcdutl__subcmd__snapshot"
                ;;
            etcdutl,version)
                cmd="etcdutl__subcmd__version"
                ;;
            etcdutl,wal)
                cmd="etcdutl__subcmd__wal"
                ;;
            etcdutl__subcmd__snapshot,restore)
                cmd="etcdutl__subcmd__snapshot__subcmd__restore"
                ;;
            etcdutl__subcmd__snapshot,status)
                cmd="etcdutl__subcmd__snapshot__subcmd__status"
                ;;
            etcdutl__subcmd__snapshot,verify)
                cmd="etcdutl__subcmd__snapshot__subcmd__verify"
                ;;
            etcdutl__subcmd__wal,dump)
                cmd="etcdutl__subcmd__wal__subcmd__dump"
                ;;
            *)
                ;;
        esac
    done

    case "${cmd}" in
        etcdutl)
            opts="-w --write-out --timeout defrag snapshot hashkv version completion migrate list-bucket iterate-bucket scan-keys hash meta wal help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 1 ]] ; then
                COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --write-out)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                -w)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
            return 0
            ;;
        etcdutl__subcmd__completion)
            opts="-w --write-out --timeout bash zsh fish powershell"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --write-out)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                -w)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
            return 0
            ;;
        etcdutl__subcmd__defrag)
            opts="-w --data-dir --write-out --timeout"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --data-dir)
                    COMPREPLY=()
                    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
                        compopt -o plusdirs
                    fi
                    return 0
                    ;;
                --write-out)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                -w)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
            return 0
            ;;
        etcdutl__subcmd__hash)
            opts="-w --write-out --timeout"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --write-out)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                -w)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
            return 0
            ;;
        etcdutl__subcmd__hashkv)
            opts="-w --rev --write-out --timeout"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --rev)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --write-out)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                -w)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
            return 0
            ;;
        etcdutl__subcmd__help)
            opts="-w --write-out --timeout defrag snapshot hashkv version completion migrate list-bucket iterate-bucket scan-keys hash meta wal help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --write-out)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                -w)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
            return 0
            ;;
        etcdutl__subcmd__iterate__subcmd__bucket)
            opts="-w --limit --decode --write-out --timeout"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --limit)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --decode)
                    COMPREPLY=($(compgen -W "true false" -- "${cur}"))
                    return 0
                    ;;
                --write-out)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                -w)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
            return 0
            ;;
        etcdutl__subcmd__list__subcmd__bucket)
            opts="-w --write-out --timeout"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --write-out)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                -w)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
            return 0
            ;;
        etcdutl__subcmd__meta)
            opts="-w --write-out --timeout"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --write-out)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                -w)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
            return 0
            ;;
        etcdutl__subcmd__migrate)
            opts="-w --data-dir --target-version --force --write-out --timeout"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --data-dir)
                    COMPREPLY=()
                    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
                        compopt -o plusdirs
                    fi
                    return 0
                    ;;
                --target-version)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --force)
                    COMPREPLY=($(compgen -W "true false" -- "${cur}"))
                    return 0
                    ;;
                --write-out)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                -w)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
            return 0
            ;;
        etcdutl__subcmd__scan__subcmd__keys)
            opts="-w --write-out --timeout"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --write-out)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                -w)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
            return 0
            ;;
        etcdutl__subcmd__snapshot)
            opts="-w --write-out --timeout restore status verify"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --write-out)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                -w)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
            return 0
            ;;
        etcdutl__subcmd__snapshot__subcmd__restore)
            opts="-w --data-dir --wal-dir --initial-cluster --initial-cluster-token --initial-advertise-peer-urls --name --skip-hash-check --initial-memory-map-size --bump-revision --mark-compacted --for-serve --target --dry-run --write-out --timeout"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --data-dir)
                    COMPREPLY=()
                    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
                        compopt -o plusdirs
                    fi
                    return 0
                    ;;
                --wal-dir)
                    COMPREPLY=()
                    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
                        compopt -o plusdirs
                    fi
                    return 0
                    ;;
                --initial-cluster)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --initial-cluster-token)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --initial-advertise-peer-urls)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --name)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --skip-hash-check)
                    COMPREPLY=($(compgen -W "true false" -- "${cur}"))
                    return 0
                    ;;
                --initial-memory-map-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --bump-revision)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --mark-compacted)
                    COMPREPLY=($(compgen -W "true false" -- "${cur}"))
                    return 0
                    ;;
                --for-serve)
                    COMPREPLY=($(compgen -W "true false" -- "${cur}"))
                    return 0
                    ;;
                --target)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --dry-run)
                    COMPREPLY=($(compgen -W "true false" -- "${cur}"))
                    return 0
                    ;;
                --write-out)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                -w)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
            return 0
            ;;
        etcdutl__subcmd__snapshot__subcmd__status)
            opts="-w --write-out --timeout"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --write-out)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                -w)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
            return 0
            ;;
        etcdutl__subcmd__snapshot__subcmd__verify)
            opts="-w --require-key --min-keys --max-age --rehearse --target --write-out --timeout"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --require-key)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --min-keys)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-age)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --rehearse)
                    COMPREPLY=($(compgen -W "true false" -- "${cur}"))
                    return 0
                    ;;
                --target)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --write-out)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                -w)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
            return 0
            ;;
        etcdutl__subcmd__version)
            opts="-w --write-out --timeout"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --write-out)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                -w)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
            return 0
            ;;
        etcdutl__subcmd__wal)
            opts="-w --write-out --timeout dump"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --write-out)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                -w)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
            return 0
            ;;
        etcdutl__subcmd__wal__subcmd__dump)
            opts="-w --start-index --end-index --start-snap --wal-dir --entry-type --raw --write-out --timeout"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --start-index)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --end-index)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --start-snap)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --wal-dir)
                    COMPREPLY=()
                    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
                        compopt -o plusdirs
                    fi
                    return 0
                    ;;
                --entry-type)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --raw)
                    COMPREPLY=($(compgen -W "true false" -- "${cur}"))
                    return 0
                    ;;
                --write-out)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                -w)
                    COMPREPLY=($(compgen -W "fields json protobuf simple table" -- "${cur}"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -X "${hide}" -W "${opts}" -- "${cur}") )
            return 0
            ;;
    esac
}

if [[ "${BASH_VERSINFO[0]}" -eq 4 && "${BASH_VERSINFO[1]}" -ge 4 || "${BASH_VERSINFO[0]}" -gt 4 ]]; then
    complete -F _etcdutl -o nosort -o bashdefault -o default etcdutl
else
    complete -F _etcdutl -o bashdefault -o default etcdutl
fi
