# docs/examples/broadcast.py.

try_broadcast() {
  local program=(python3 "$examples/broadcast.py" om_1) files=$cache/broadcast first proxy
  echo "== broadcast"
  start_gateway broadcast
  rm -rf "$files" && mkdir "$files"
  cd "$files"

  { printf 'receive_id,receive_id_type\r\noc_1,chat_id\r\n\r\n'; printf 'oc_%s\r\n' {2..20}; echo 'oc_code_230002,,"a, b"'; } >mixed.csv
  expect 'it fails where somebody has not got it' exits 1 "${program[@]}" mixed.csv >out 2>err
  expect 'it says how many have got it' has out '20 of 21 have got it; 1 are in failures.csv'
  expect 'it says why others have not' grep -qE "^ +1  not_delivered  bot_not_in_chat +chat_admin +Add the app's bot to the chat" out
  expect 'they are in the file' grep -q '^oc_code_230002,chat_id,not_delivered,bot_not_in_chat,230002,Add ' failures.csv
  expect 'nobody else is' test "$(wc -l <failures.csv)" = 2
  expect 'it shows how far it is' grep -qF '[##############################] 21 of 21, 1 failed  completed' err
  first=$(head -n 1 out)
  expect 'it may be run again' exits 1 "${program[@]}" mixed.csv >out 2>err
  expect 'it is the same broadcast' test "$first" = "$(head -n 1 out)"
  expect 'each has got it once' test "$(delivered oc_1) $(delivered oc_20)" = '1 1'

  printf 'oc_1\noc 2\noc_3,group\n' >wrong.csv
  expect 'it fails where a row is wrong' exits 2 "${program[@]}" wrong.csv >out 2>err
  expect 'it says in which lines' grep -q '^  line 2: receive_id ' err
  expect 'it says so of types' grep -q '^  line 3: receive_id_type ' err

  printf 'oc_killed_%s\n' {1..500} >killed.csv
  start broadcast-killed "${program[@]}" killed.csv
  said broadcast-killed '^http.*' >/dev/null
  kill -KILL "${started[-1]}"
  expect 'it goes on after it was killed' exits 0 "${program[@]}" killed.csv >out 2>err
  expect 'all have got it' has out '500 of 500 have got it; 0 are in failures.csv'
  expect 'each once' test "$(delivered oc_killed_1) $(delivered oc_killed_500)" = '1 1'

  start no-streams python3 "$OLDPWD/e2e/examples/no_streams.py" "$GATEWAY_URL"
  proxy=$(said no-streams '^http.*')
  printf 'oc_proxy_%s\n' {1..30} >proxy.csv
  expect 'it needs no streams' exits 0 env GATEWAY_URL="$proxy" "${program[@]}" proxy.csv >out 2>err
  expect 'it shows how far it is without them' grep -qF '30 of 30, 0 failed  completed' err
  cd "$OLDPWD"
}
