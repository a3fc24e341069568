# Sourced by scripts/run and scripts/test: Debian packages, the virtual environment, the catalogues.
# Everything here is safe to run again and does nothing when nothing is missing.

set -euo pipefail
project="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$project"
venv="$project/.venv"

# say VIETNAMESE ENGLISH: one line to the terminal, English only where the locale asks for it.
say() {
    case "${LC_ALL:-${LC_MESSAGES:-${LANG:-}}}" in
        en*) printf '%s\n' "$2" >&2 ;;
        *) printf '%s\n' "$1" >&2 ;;
    esac
}

# The first Python that can run the project; 3.11 first, for the lock was resolved with it.
python_found() {
    local candidate
    for candidate in python3.11 /usr/bin/python3.11 python3 python3.12 python3.13; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# present PACKAGE: true when what we use of that Debian package is on this machine.
present() {
    case "$1" in
        python3.11) python_found >/dev/null ;;
        python3.11-venv) "$(python_found)" -c 'import ensurepip' 2>/dev/null ;;
        softhsm2) [ -e /usr/lib/softhsm/libsofthsm2.so ] ;;
        fonts-liberation2) [ -e /usr/share/fonts/truetype/liberation2/LiberationSerif-Regular.ttf ] ;;
        postgresql) compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null ;;
        libatomic1) compgen -G '/usr/lib/*/libatomic.so.1' >/dev/null ;; # for playwright's driver
        gnutls-bin) command -v certtool >/dev/null ;;
        poppler-utils) command -v pdfsig >/dev/null && command -v pdftoppm >/dev/null ;;
        *) command -v "$1" >/dev/null ;;
    esac
}

# debian_packages PACKAGE...: all of them are installed; stops with the one line to run otherwise.
debian_packages() {
    local package missing=()
    for package in "$@"; do
        present "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    local line="apt-get install -y --no-install-recommends ${missing[*]}"
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        say "Máy còn thiếu phần mềm. Hãy chạy dòng sau rồi chạy lại:" \
            "Some software is missing. Run this line, then try again:"
        printf '  sudo %s\n' "$line" >&2
        exit 1
    fi
    say "Đang cài đặt: ${missing[*]}" "Installing: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    # The package list of a fresh machine is empty or old: fetch it once, only when it is needed.
    if ! $line -qq >/dev/null 2>&1; then
        apt-get update -qq
        $line -qq >/dev/null
    fi
    for package in "${missing[@]}"; do
        if ! present "$package"; then
            say "Cài đặt $package không thành công." "$package could not be installed."
            exit 1
        fi
    done
}

# The virtual environment holds exactly what requirements.lock names, each file checked by hash.
virtual_environment() {
    local python stamp wanted
    stamp="$venv/installed-lock.sha256"
    wanted="$(sha256sum requirements.lock | cut -d' ' -f1)"
    if [ -x "$venv/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    python="$(python_found)"
    say "Đang cài đặt các thư viện vào .venv (lần đầu mất vài phút)…" \
        "Installing libraries into .venv (a few minutes the first time)…"
    if ! "$venv/bin/python" -c 'import pip' 2>/dev/null; then
        "$python" -m venv --clear "$venv"
    fi
    PIP_DEFAULT_TIMEOUT="${PIP_DEFAULT_TIMEOUT:-60}" PIP_RETRIES="${PIP_RETRIES:-5}" \
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --no-input --require-hashes --only-binary :all: -r requirements.lock
    link_project
    printf '%s\n' "$wanted" >"$stamp"
}

# The project itself runs from this tree: a path entry and the `signer` command, no build step.
link_project() {
    local site
    site="$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
    printf '%s\n' "$project" >"$site/signer-tree.pth"
    cat >"$venv/bin/signer" <<COMMAND
#!$venv/bin/python
import sys

from signer.app import main

sys.exit(main())
COMMAND
    chmod 755 "$venv/bin/signer"
}

# Every .po that is newer than its .mo is compiled; the .mo files are not kept in the repository.
translations() {
    local po mo
    for po in signer/translations/*/LC_MESSAGES/*.po; do
        [ -e "$po" ] || continue
        mo="${po%.po}.mo"
        if [ ! -e "$mo" ] || [ "$po" -nt "$mo" ]; then
            "$venv/bin/pybabel" --quiet compile --input-file "$po" --output-file "$mo"
        fi
    done
}

# environment PACKAGE...: everything above, by one caller at a time.
environment() {
    debian_packages "$@"
    exec {lock}<"$project" # the folder itself is the lock, so that none is left lying about
    flock "$lock"
    virtual_environment
    translations
    exec {lock}<&-
}
