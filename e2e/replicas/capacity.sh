#!/usr/bin/env bash
# What one Redis carries of the scripts that forwards run, next to plain reads in the same run, and what a
# receiver takes of its memory. Prints; nothing is held against it, as machines differ.

source "$(dirname "${BASH_SOURCE[0]}")/../suite.sh"
need redis-server redis-cli redis-benchmark python3

free=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
start redis redis-server --port "$free" --bind 127.0.0.1 --save '' --appendonly no --dir "$cache"
redis=(redis-cli -p "$free")
until "${redis[@]}" ping >/dev/null 2>&1; do sleep 0.05; done

script=$("${redis[@]}" -x script load <src/limits/shared.lua)
# Long before now, so that everything is open.
"${redis[@]}" set '{p}:born' 0 >/dev/null
# As src/limits/shared.rs has them.
rules=(5 1050000 30000000 60000000 34 62000 300000000 3600000000 1000000)
receiver='{p}:receiver:chat_id:oc_5ad11d72b830411d__rand_int__'
take=(evalsha "$script" 4 '{p}:born' '{p}:seen' "$receiver" '{p}:app:cli___rand_int__' take '' "${rules[@]}")
arrived=(evalsha "$script" 3 '{p}:born' '{p}:seen' "$receiver" arrived '' "${rules[@]}" 20000)

# rate COMMAND…: a second, by 20 connections, each for one of a million receivers and apps.
rate() { redis-benchmark -p "$free" -c 20 -n 60000 -r 1000000 -q "$@" 2>/dev/null | tr '\r' '\n' | grep -oP '[\d.]+(?= requests per second)' | tail -n 1; }
for round in 1 2 3; do
  echo "round $round, a second: get $(rate get "$receiver"), take $(rate "${take[@]}"), arrived $(rate "${arrived[@]}")"
done
"${redis[@]}" info commandstats | grep evalsha

# used TIMES: bytes for each receiver that so many messages went to.
used() {
  "${redis[@]}" flushall >/dev/null
  "${redis[@]}" set '{p}:born' -100000000000 >/dev/null
  local before after
  before=$("${redis[@]}" info memory | grep -oP '^used_memory:\K\d+')
  for number in $(seq 10000); do
    for ((time = 0; time < $1; time++)); do
      echo "evalsha $script 4 {p}:born {p}:seen {p}:receiver:chat_id:oc_5ad11d72b830411d72b83$number {p}:app:cli take $time 5 1050000000 30000000 60000000 1000000 1 300000000 3600000000 0"
    done
  done | "${redis[@]}" --pipe >/dev/null
  after=$("${redis[@]}" info memory | grep -oP '^used_memory:\K\d+')
  echo "$(((after - before) / 10000)) bytes for a receiver with $1 messages in its window"
}
used 1
used 5
