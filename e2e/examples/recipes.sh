# The recipes that need no program of their own: each is run by what its users run it by, where that is to be had.

message=om_dc13264520392913993dd051dba21dcf chat=oc_5ad11d72b830411d72b836c20

# The programs say how to call them.
try_usage() {
  local program
  echo "== usage"
  for program in "$examples/forward.sh" "python3 $examples/forward.py" "$cache/forward-go" \
    "node $cache/node/forward.js" "java $examples/Forward.java" "python3 $examples/broadcast.py" \
    "python3 $examples/alertmanager/adapter.py" "$cache/python/bin/python $examples/bot/bot.py"; do
    # shellcheck disable=SC2086
    expect "$program without arguments says how to call it" exits 2 env -u GATEWAY_URL -u GATEWAY_KEY $program \
      >"$cache/usage" 2>&1
    expect "and how to name the gateway" grep -q GATEWAY_URL "$cache/usage"
  done
}

# cron runs the command by sh, in an environment of its own, after \% has become %.
as_cron() {
  env -i HOME="$1" PATH="$1/bin:/usr/bin:/bin" SHELL=/bin/sh LOGNAME=u \
    /bin/sh -c "$(grep -v '^#' "$examples/crontab" | sed -E 's/^(\S+ +){5}//; s/\\%/%/g')"
}

try_cron() {
  local home=$cache/cron
  echo "== cron"
  start_gateway cron
  mkdir -p "$home/bin"
  cp "$examples/forward.sh" "$home/"
  # The same day in both runs, though midnight may be between them.
  printf '#!/bin/sh\necho 2026-11-27\n' >"$home/bin/date"
  chmod +x "$home/bin/date"
  printf 'GATEWAY_URL=%s\nGATEWAY_KEY=%s\n' "$GATEWAY_URL" "$GATEWAY_KEY" >"$home/gateway.env"
  expect 'the command forwards' as_cron "$home" >"$cache/cron.out" 2>&1
  expect 'it may be run again that day' as_cron "$home" >"$cache/cron.out" 2>&1
  expect 'the message went out once' test "$(delivered "$chat")" = 1
}

try_gitlab() {
  local project=$cache/gitlab home=$cache/gitlab-home
  # Without what git and gitlab-ci-local have been told on this machine.
  local clean=(env "HOME=$home" GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null)
  local git=("${clean[@]}" git -C "$project")
  echo "== gitlab"
  start_gateway gitlab
  rm -rf "$project" "$home" && mkdir -p "$project/ci" "$home"
  cp "$examples/forward.py" "$project/ci/"
  cp "$examples/gitlab-ci.yml" "$project/.gitlab-ci.yml"
  "${git[@]}" init --quiet --initial-branch main
  "${git[@]}" remote add origin git@gitlab.example.com:group/project.git
  "${git[@]}" add --all
  "${git[@]}" -c user.name=n -c user.email=n@example.com commit --quiet --message m
  "${git[@]}" tag v1
  job() {
    (cd "$project" && "${clean[@]}" "$cache/node/node_modules/.bin/gitlab-ci-local" --force-shell-executor \
      --variable "GATEWAY_URL=$GATEWAY_URL" --variable "GATEWAY_KEY=$GATEWAY_KEY" "$@")
  }
  expect 'the job of a tag runs' job announce >"$cache/gitlab.out" 2>&1
  expect 'it may run again' job announce >"$cache/gitlab.out" 2>&1
  expect 'the message went out once' test "$(delivered "$chat")" = 1
}

# A body as Grafana's documentation of webhook contact points shows it.
grafana_posts() {
  curl -sS -o "$cache/grafana.out" -w '%{http_code}' "$adapter" -d "{\"receiver\": \"feishu\", \"status\": \"$1\", \"alerts\": [{
    \"status\": \"$1\", \"labels\": {\"alertname\": \"DiskFull\", \"severity\": \"critical\", \"feishu_chat\": \"oc_grafana\"},
    \"annotations\": {}, \"startsAt\": \"2026-11-27T09:00:00Z\", \"endsAt\": \"0001-01-01T00:00:00Z\", \"values\": {\"B\": 1},
    \"generatorURL\": \"\", \"fingerprint\": \"57c6d9296de2ad39\", \"silenceURL\": \"\", \"dashboardURL\": \"\", \"panelURL\": \"\",
    \"valueString\": \"\"}], \"groupLabels\": {\"alertname\": \"DiskFull\"}, \"commonLabels\": {\"alertname\": \"DiskFull\",
    \"severity\": \"critical\", \"feishu_chat\": \"oc_grafana\"}, \"commonAnnotations\": {}, \"externalURL\": \"\", \"version\": \"1\",
    \"groupKey\": \"{}:{alertname=\\\"DiskFull\\\"}\", \"truncatedAlerts\": 0, \"orgId\": 1, \"title\": \"t\", \"state\": \"alerting\",
    \"message\": \"m\"}"
}

try_grafana() {
  echo "== grafana"
  start_gateway grafana
  MESSAGES=critical=om_critical,resolved=om_resolved start grafana python3 -u "$examples/alertmanager/adapter.py" 0
  adapter=$(said grafana 'listening on \K\S+')
  expect 'a firing alert is taken' test "$(grafana_posts firing)" = 200
  expect 'its repetition too' test "$(grafana_posts firing)" = 200
  expect 'and its end' test "$(grafana_posts resolved)" = 200
  expect 'each went out once' test "$(messages_to oc_grafana)" = 'om_critical om_resolved '
}

# The command of the Job's container, with what the kubelet puts into it. `make test-chart-apiserver` has a Kubernetes
# API take the Job.
as_pod() {
  local app=$cache/job command
  mkdir -p "$app"
  cp "$examples/forward.py" "$app/"
  mapfile -t command < <(node "$cache/node/job.mjs" "$examples/kubernetes/job.yaml")
  command=("${command[@]/#\/app\//$app/}")
  command=("${command[@]/'$(NAMESPACE)'/n}")
  "${command[@]/'$(JOB)'/announce-migration}"
}

try_job() {
  echo "== job"
  start_gateway job
  cat >"$cache/node/job.mjs" <<'END'
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
const { spec } = parse(readFileSync(process.argv[2], 'utf8')).spec.template;
console.log(spec.containers[0].command.join('\n'));
END
  expect 'its command forwards' as_pod >"$cache/job.out" 2>&1
  expect 'a second pod does nothing more' as_pod >"$cache/job.out" 2>&1
  expect 'the message went out once' test "$(delivered "$chat")" = 1
}

try_bot() {
  local post=("$cache/python/bin/python" e2e/examples/event.py) bot
  echo "== bot"
  start_gateway bot
  export ENCRYPT_KEY=key-of-the-test VERIFICATION_TOKEN=token-of-the-test
  TO=oc_target start bot "$cache/python/bin/python" -u "$examples/bot/bot.py" 0
  bot=$(said bot 'listening on \K\S+')
  expect 'a reply is taken' test "$("${post[@]}" "$bot" e1 'Forward this, please' om_parent)" = 200
  expect 'and posted again' test "$("${post[@]}" "$bot" e1 'Forward this, please' om_parent)" = 200
  expect 'what was replied to went out once' test "$(messages_to oc_target)" = 'om_parent '
  expect 'other words forward nothing' test "$("${post[@]}" "$bot" e2 'thanks' om_parent)" = 200
  expect 'a wrong signature is refused' test "$("${post[@]}" "$bot" e3 'forward this' om_parent --signature wrong)" = 500
  expect 'an event of an hour ago is taken' test "$("${post[@]}" "$bot" e5 'forward this' om_parent --age 3600)" = 200
  expect 'none of them went out' test "$(delivered oc_target)" = 1
  lose_answers
  expect 'a lost answer has Feishu post it again' test "$("${post[@]}" "$bot" e4 'forward this' om_lost)" = 500
  expect 'that is taken' test "$("${post[@]}" "$bot" e4 'forward this' om_lost)" = 200
  expect 'it went out once' test "$(messages_to oc_target)" = 'om_parent om_lost '
}
