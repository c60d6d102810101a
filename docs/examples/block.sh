#!/bin/sh
# A command sink: blocks for a while the address from which the session of a grave incident came. See active-response.md.
#   block.sh 60m
set -eu
address=$(jq -r 'select(.type == "incident" and (.severity == "high" or .severity == "critical")) | .session.address // empty')
case $address in
  # Who logs in chooses what is logged as his address: nothing but an address gets into a rule.
  '' | *[!0-9a-fA-F.:]*) exit 0 ;;
  *:*) blocked=blocked6 ;;
  *) blocked=blocked4 ;;
esac
nft add element inet fullmon "$blocked" "{ $address timeout $1 }"
logger -t fullmon-block "$address is blocked for $1 (${FULLMON_ID:-by hand})" || true
