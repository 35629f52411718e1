#!/bin/bash
# Shows built-in test cameras, or the camera at $CAMERA, in a browser. `make demo` builds first.
set -euo pipefail
cd "$(dirname "$0")/.."

server_pid=
cleanup() {
    trap - EXIT INT TERM
    # The server may have ended already: Ctrl-C reaches it, too.
    kill ${server_pid:-} 2>/dev/null || true
    wait ${server_pid:-}
    kill ${CAMSIM_PID:-} 2>/dev/null || true
    wait
}
trap cleanup EXIT
trap 'exit 0' INT TERM

# What the gateway reads: a command line shows the password of a camera to all users of the machine.
config="[http]
listen = \"${LISTEN:-127.0.0.1:8889}\""
if [[ -n ${CAMERA:-} ]]; then
    config+='
[camera.camera]
url_env = "CAMERA"'
else
    # In a session of their own: Ctrl-C ends the server first, which would else see them vanish.
    coproc CAMSIM { exec setsid target/release/camsim --cameras 4 --stdin-exit; }
    if ! read -r -u "${CAMSIM[0]}" ready urls || [[ $ready != READY ]]; then
        echo "The test cameras did not start." >&2
        exit 1
    fi
    number=0
    for url in $urls; do
        config+="
[camera.cam$((++number))]
url = \"$url\""
    done
fi

echo "Open the address below in a browser. Ctrl-C ends the demo."
echo "It shows all cameras; its Dashboard shows the figures."
target/release/rtsp-webrtc-gateway --config /dev/stdin <<<"$config" &
server_pid=$!
wait "$server_pid"
