#!/bin/sh
set -e
echo "starting $*"
exec "$@" >> /records/messages
