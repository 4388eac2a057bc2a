# shellcheck shell=bash
# Completion of cops for bash: commands, PIDs of processes with an agent, options, keys of settings.
# Installed where bash-completion looks for it by the command's name; or: . docs/cops.bash

# The PIDs of listed processes; with an argument only of those whose agent listens.
_cops_pids() {
    command "$1" 2>/dev/null | awk -v agents="$2" 'agents == "" || $3 ~ /\*$/ || $4 == "*" { print $1 }'
}

# Which options a command takes besides --json and --help.
_cops_options() {
    case $1 in
    pprof-heap | pprof-cpu | trace) echo '-o --output' ;;
    gctrace | top) echo '-n --count -d --every' ;;
    '') echo '--version' ;;
    esac
}

_cops() {
    local commands='process tree stack gc setgc memstats version stats pprof-heap pprof-cpu trace settings gctrace top help'
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local command='' arguments=0 choices='' i
    # Of what stands before the word: the command, and how many arguments it has already.
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -o | --output | -n | --count | -d | --every) i=$((i + 1)) ;;
        -*) ;;
        *) if [[ -z $command ]]; then command=${COMP_WORDS[i]}; else arguments=$((arguments + 1)); fi ;;
        esac
    done
    COMPREPLY=()
    case $before in
    -o | --output)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    -n | --count | -d | --every) return ;;
    esac
    if [[ $word == -* ]]; then
        choices="--json --help $(_cops_options "$command")"
    elif [[ -z $command ]]; then
        choices="$commands $(_cops_pids "${COMP_WORDS[0]}" '')"
    elif [[ $command == help && $arguments == 0 ]]; then
        choices=$commands
    elif [[ $command == process && $arguments == 0 ]]; then
        choices=$(_cops_pids "${COMP_WORDS[0]}" '')
    elif [[ $command == tree || $command == help || $command =~ ^[0-9]+$ ]]; then
        return
    elif [[ $arguments == 0 ]]; then
        choices=$(_cops_pids "${COMP_WORDS[0]}" agents)
    elif [[ $command == setgc && $arguments == 1 ]]; then
        choices='off'
    elif [[ $command == settings ]]; then
        choices='CGC= CMEMLIMIT= memprofilerate= mutexprofilefraction= blockprofilerate='
        compopt -o nospace 2>/dev/null
    fi
    mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")
}

complete -F _cops cops
