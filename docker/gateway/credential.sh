#!/bin/sh
# credential.sh NAME ROLE FILE: writes a new credential NAME:PASSWORD to FILE (mode 0600), and prints
# the line for the gateway's file of users. FILE holds what PREFECT_API_AUTH_STRING is to say.
set -eu
umask 077
stop() {
  echo "credential.sh: $1" >&2
  exit 2
}
[ "$#" = 3 ] || stop "allowed: credential.sh NAME ROLE FILE"
for word in "$1" "$2"; do
  case $word in
  '' | *[!a-z0-9.-]*) stop "found '$word'; allowed: letters a-z, digits, . and -" ;;
  esac
done
[ ! -e "$3" ] || stop "$3 is there already; next: name a new file"
password=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
printf '%s:%s' "$1" "$password" >"$3"
printf '%s %s %s\n' "$1" "$2" "$(sha256sum <"$3" | cut -d ' ' -f 1)"
