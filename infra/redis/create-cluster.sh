#!/bin/sh
# Makes a Redis Cluster of empty nodes: half of them become masters, the others replicas. If the nodes are a cluster already, it
# introduces them to each other again, because their addresses may be new.
# Arguments: host:port of each node, or host:port@busport if the bus port is not 10,000 above the port.
# REDISCLI_AUTH: the password of the user operator. REDIS_CLI: the client, redis-cli unless set.
set -eu

# The address of a node, then the command.
ask() {
  address=${1%@*}
  shift
  "${REDIS_CLI:-redis-cli}" -h "${address%:*}" -p "${address##*:}" --user operator --no-auth-warning "$@"
}

for node in "$@"; do
  until ask "$node" ping | grep -q PONG; do sleep 0.2; done
done

first=$1
if ask "$first" cluster info | grep -q '^cluster_known_nodes:1[^0-9]*$'; then
  "${REDIS_CLI:-redis-cli}" --user operator --no-auth-warning \
    --cluster create "$@" --cluster-replicas 1 --cluster-yes
else
  for node in "$@"; do
    address=${node%@*}
    host=${address%:*}
    port=${address##*:}
    bus=${node##*@}
    [ "$bus" != "$node" ] || bus=$((port + 10000))
    # CLUSTER MEET takes an IP address, not a name.
    number=$(getent hosts "$host" 2>/dev/null | awk 'NR == 1 { print $1 }' || true)
    ask "$first" cluster meet "${number:-$host}" "$port" "$bus" >/dev/null
  done
fi

for node in "$@"; do
  until ask "$node" cluster info | grep -q 'cluster_state:ok'; do sleep 0.2; done
done
