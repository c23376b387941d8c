#!/usr/bin/env bash
# Sets a machine up for one lane, from locked versions only. Where nothing changed, it has nothing to do.
#
#   scripts/setup.sh [main|emr7]   Java, and the lane's environment: .venv or .venv-emr7
#   scripts/setup.sh --java        Java only: prints the one that Spark will use
#   scripts/setup.sh --postgres    PostgreSQL, for the tests of databases: prints the folder of its programs
#
#   PYTHON=python3.12       makes the environment with this Python
#   JAVA_HOME=DIR           uses this Java
#   LAKEGATE_NO_INSTALL=1   installs no system package, says what to type instead
#   LAKEGATE_JVMS="DIR..."  looks here, not in the usual places, for a Java that is not on PATH
#   LAKEGATE_POSTGRES="DIR..."  looks here, and nowhere else, for PostgreSQL's programs
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$@" && exit 1; }

# obtain REASON COMMAND...: runs this system's package manager, one COMMAND after the other until one works. It asks
# nobody for a password: where one would be needed, it says what to type.
obtain() {
    local reason=$1 command manager sudo commands=""
    shift
    for command; do
        manager=${command%% *} sudo=""
        command -v "$manager" >/dev/null || continue
        [[ $manager == brew || $(id -u) == 0 ]] || sudo="sudo "
        command=$sudo$command
        [[ $manager != apt-get ]] || command="${sudo}apt-get update && $command" # a fresh machine has no package list
        commands+=$'\n'"    $command"
        [[ -z ${LAKEGATE_NO_INSTALL:-} ]] || continue
        [[ -z $sudo ]] || sudo -n true 2>/dev/null || continue
        say "$reason Running: $command"
        ! eval "$command" >&2 </dev/null || return 0
    done
    [[ -n $commands ]] || fail "$reason Install it, then run this again."
    fail "$reason Type the first of these that your system offers, then run this again:$commands"
}

# 8 for 1.8.0_392, 17 for 17.0.1, 21 for 21-ea; nothing for what is no Java.
java_version() { { "$1" -version 2>&1 </dev/null || true; } | sed -nE 's/^[a-z]+ version "(1\.)?([0-9]+).*/\2/p'; }

# Both lanes' Spark runs on these two.
supported() { [[ $(java_version "$1") =~ ^(17|21)$ ]]; }

describe() {
    local version
    version=$(java_version "$1")
    echo "$1 is ${version:+Java }${version:-no Java that runs}"
}

# Sets java, and java_home where PATH does not lead there.
look_for_java() {
    local homes=(
        /usr/lib/jvm/*{17,21}*
        {/opt/homebrew,/usr/local,/home/linuxbrew/.linuxbrew}/opt/openjdk@{17,21} # brew keeps them off PATH
        /Library/Java/JavaVirtualMachines/*{17,21}*/Contents/Home
        ~/.sdkman/candidates/java/{17,21}*
    )
    [[ -z ${LAKEGATE_JVMS+set} ]] || read -ra homes <<<"$LAKEGATE_JVMS"
    java=$(command -v java || true) java_home=""
    [[ -z $java ]] || ! supported "$java" || return 0
    for java_home in ${homes[@]+"${homes[@]}"}; do
        [[ ! -x $java_home/bin/java ]] || ! supported "$java_home/bin/java" || return 0
    done
    return 1
}

find_java() {
    if [[ -n ${JAVA_HOME:-} ]]; then # Spark uses it whatever PATH says
        java_home=$JAVA_HOME java=$JAVA_HOME/bin/java
        supported "$java" || fail "Spark needs Java 17 or 21, but JAVA_HOME is set and $(describe "$java")." \
            "Type: unset JAVA_HOME"
        return
    fi
    if ! look_for_java; then
        [[ -z $java ]] || java=$(describe "$java")
        obtain "Spark needs Java 17 or 21, but ${java:-no java is on PATH}." \
            "apt-get install -y --no-install-recommends openjdk-17-jre-headless" \
            "apt-get install -y --no-install-recommends openjdk-21-jre-headless" \
            "dnf install -y java-17-amazon-corretto-headless" \
            "dnf install -y java-17-openjdk-headless" \
            "dnf install -y java-21-openjdk-headless" \
            "brew install openjdk@17"
        look_for_java || fail "Java was installed, but not where this looks. Type: export JAVA_HOME=DIR"
    fi
    [[ -n $java_home ]] || return 0
    [[ -z $java ]] || say "$(describe "$java"), which Spark does not support."
    java=$java_home/bin/java
    say "Using $java. Outside make, type: export JAVA_HOME=$java_home"
}

# Sets postgres, the folder of its programs: Debian keeps those of a server off PATH.
look_for_postgres() {
    local folders=(/usr/lib/postgresql/*/bin /usr/pgsql-*/bin {/opt/homebrew,/usr/local}/opt/postgresql@*/bin /usr/bin)
    [[ -z ${LAKEGATE_POSTGRES+set} ]] || read -ra folders <<<"$LAKEGATE_POSTGRES"
    for postgres in ${folders[@]+"${folders[@]}"}; do
        [[ ! -x $postgres/initdb || ! -x $postgres/postgres || ! -x $postgres/psql ]] || return 0
    done
    return 1
}

find_postgres() {
    local sudo="" settings=/etc/postgresql-common/createcluster.d
    ! look_for_postgres || return 0
    [[ $(id -u) == 0 ]] || sudo="sudo "
    # Without this setting Debian makes a database beside the server's programs, and starts it as a service.
    obtain "The tests of databases need PostgreSQL." \
        "apt-get install -y --no-install-recommends postgresql-common && ${sudo}mkdir -p $settings &&
        echo 'create_main_cluster = false' | ${sudo}tee $settings/lakegate.conf &&
        ${sudo}apt-get install -y --no-install-recommends postgresql" \
        "dnf install -y postgresql-server postgresql" \
        "dnf install -y postgresql15-server postgresql15" \
        "brew install postgresql@17"
    look_for_postgres || fail "PostgreSQL was installed, but not where this looks. Type: export LAKEGATE_POSTGRES=DIR"
}

runs_lane() { "$1" -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, $newest))" 2>/dev/null; }
version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

# Sets python.
look_for_python() {
    for python in $pythons python3; do
        ! runs_lane "$python" || return 0
    done
    return 1
}

find_python() {
    local name commands=()
    if [[ -n ${PYTHON:-} ]]; then
        python=$PYTHON
        runs_lane "$python" || fail "PYTHON=$python is not a Python $wanted."
    elif ! look_for_python; then
        for name in $pythons; do
            commands+=("apt-get install -y $name $name-venv" "dnf install -y $name" "brew install python@${name#python}")
        done
        obtain "There is no Python $wanted on PATH. If you have one, type: PYTHON=/path/to/it scripts/setup.sh $lane." \
            "${commands[@]}"
        look_for_python || fail "Python was installed, but not on PATH. Type: PYTHON=/path/to/it scripts/setup.sh $lane"
    fi
    # Debian's Python comes without this part of the standard library.
    "$python" -c 'import ensurepip' 2>/dev/null ||
        obtain "$python cannot make an environment." "apt-get install -y python$(version_of "$python")-venv"
}

# What the environment was made from. Its commands hold its path, so it does not survive a move.
fingerprint() { pwd && cksum "requirements/$lane.txt" requirements/tools.txt pyproject.toml scripts/setup.sh; }

has_environment() {
    [[ $(head -n 1 "$venv/made-from" 2>/dev/null) == $(pwd) ]] && runs_lane "$venv/bin/python" || return 1
    [[ -z ${PYTHON:-} || $(version_of "$venv/bin/python") == $(version_of "$PYTHON") ]]
}

uv() { VIRTUAL_ENV=$PWD/$venv "$venv/bin/uv" "$@"; }

make_environment() {
    if ! has_environment; then
        find_python
        "$python" -m venv --clear "$venv"
    elif [[ $(cat "$venv/made-from") == $(fingerprint) ]]; then
        return
    fi
    pwd >"$venv/made-from" # not more, until all below has worked
    "$venv/bin/python" -m pip install --quiet --no-deps --require-hashes -r requirements/tools.txt
    # PySpark and this repository are built here: tools.txt locks what builds them, too.
    uv pip sync --require-hashes --build-constraints requirements/tools.txt "requirements/$lane.txt"
    uv pip install --no-deps --build-constraints requirements/tools.txt --editable .
    fingerprint >"$venv/made-from"
}

lane=${1:-main}
case $lane in
    --java)
        find_java
        echo "$java"
        exit
        ;;
    --postgres)
        find_postgres
        echo "$postgres"
        exit
        ;;
    main) venv=.venv newest=99 wanted="3.11 or later" pythons="python3.11 python3.12 python3.13" ;;
    emr7) venv=.venv-emr7 newest=12 wanted="3.11 or 3.12" pythons="python3.11 python3.12" ;; # as Spark 3.5
    *) fail "There is no lane $lane. Type: scripts/setup.sh main, or scripts/setup.sh emr7" ;;
esac
find_java
make_environment
echo "$java_home" >"$venv/java_home" # for make, where PATH does not lead there
