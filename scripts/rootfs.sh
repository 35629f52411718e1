#!/bin/bash
# Makes the root file system of the container image: the program, the libraries that it links, the authorities that it
# trusts, and a user without rights. Nothing else: no shell, no package manager.
#   scripts/rootfs.sh OUTPUT_DIR PROGRAM
set -euo pipefail
root=${1:?the folder to make}
program=${2:?the program, built}

mkdir -p "$root"/{etc/rtsp-webrtc-gateway,etc/ssl/certs,proc,tmp}
install -m 755 "$program" "$root/rtsp-webrtc-gateway"
# Each library where the loader looks for it, and the loader itself.
ldd "$program" | grep -o '/[^ ]*' | sort -u | while read -r library; do
    install -D -m 755 "$(readlink -f "$library")" "$root$library"
done
echo 'gateway:x:65532:65532::/:/none' >"$root/etc/passwd"
echo 'gateway:x:65532:' >"$root/etc/group"
# For rtsps with certificates that the system trusts.
authorities=/etc/ssl/certs/ca-certificates.crt
if [[ -e $authorities ]]; then
    install -m 644 "$authorities" "$root$authorities"
fi
