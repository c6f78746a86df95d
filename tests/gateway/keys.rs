//! Which keys are let in. A refusal says what kind of thing came instead of a key, and nothing of its content.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use std::{fs, io};

use feishu_forward_gateway::model::api_key::ApiKey;

use gateway_harness::{Answer, Gateway, gateway, guarded};

/// How often the gateway looks at its keys file.
const LOOK: Duration = Duration::from_secs(2);

/// Lets the gateway look for the given time, counted from 0 at the start, and returns once it has.
async fn look(gateway: &Gateway, number: u32) {
    if number > 0 {
        gateway.advance(LOOK);
    }
    let next = LOOK * (number + 1);
    // The task that sweeps the limits every ten seconds sleeps too.
    let sleepers = if next.as_secs().is_multiple_of(10) { 2 } else { 1 };
    gateway.sleep(|all| all.iter().filter(|moment| **moment == next).count() == sleepers).await;
}

/// What a refusal says; nothing of what was shown may be in it.
#[track_caller]
fn refused(answer: &Answer) -> String {
    let problem = answer.problem(401, "unauthorized", "not_delivered");
    let challenge = answer.header("www-authenticate").expect("a challenge");
    assert!(challenge.starts_with("Bearer realm="), "{challenge}");
    problem["detail"].as_str().expect("a detail").to_owned()
}

#[actix_web::test]
async fn a_refusal_says_what_came_and_repeats_nothing_of_it() {
    let gateway = gateway().start().await;
    let keyless = || gateway.forward("oc_1").without("x-api-key");
    let key = gateway.key.as_str();
    let cut = &key[..key.len() - 1];
    let hash = ApiKey::generate().hash().to_string();
    let stranger = ApiKey::generate();
    let stranger = stranger.expose();
    for (name, value, word) in [
        ("authorization", key.to_owned(), "has no scheme"),
        ("authorization", "Basic dXNlcjpodW50ZXIy".into(), "Basic"),
        ("authorization", format!("Token {key}"), "a scheme other than Bearer"),
        ("authorization", format!("Bearer Bearer {key}"), "word Bearer"),
        ("authorization", format!("Bearer \"{key}\""), "in quotes"),
        ("authorization", "Bearer".into(), "empty"),
        ("authorization", "Bearer t-g1044qeGEDXTB6NDJOGV4JQCYDGHRBARFTGT1234".into(), "Feishu"),
        ("authorization", "Bearer u-7f1bcd13fc57d46bac21793aabcdef00".into(), "Feishu"),
        ("authorization", format!("Bearer {cut}"), "damaged"),
        ("authorization", format!("Bearer {stranger}"), "does not know"),
        ("x-api-key", format!("Bearer {key}"), "word Bearer"),
        ("x-api-key", "eyJhbGciOiJFUzI1NiIsImZlYXR1cmVz".into(), "Feishu"),
        ("x-api-key", cut.into(), "damaged"),
        ("x-api-key", hash, "hash"),
        ("x-api-key", stranger.into(), "does not know"),
        ("x-api-key", "some other password".into(), "does not know"),
        ("x-api-key", String::new(), "empty"),
        ("apikey", key.to_owned(), "does not read the header apikey"),
    ] {
        let answer = keyless().header(name, &value).send().await;
        let said = refused(&answer);
        assert!(said.contains(word), "{value}: {said}");
        let secret = value.rsplit(' ').next().unwrap_or_default();
        let shown = format!("{} {:?}", answer.text(), answer.headers);
        assert!(secret.len() < 8 || !shown.contains(secret), "{shown}");
    }
    assert!(refused(&keyless().send().await).contains("has no API key"));
    assert_eq!(gateway.forwards(), []);
}

#[actix_web::test]
async fn the_holder_of_a_whole_key_is_told_that_it_has_expired_or_is_disabled() {
    let (expired, disabled) = (ApiKey::generate(), ApiKey::generate());
    let gateway = gateway().refused_keys(&expired, &disabled).start().await;
    for (key, word) in [(expired, "has expired"), (disabled, "is disabled")] {
        let answer = gateway.forward("oc_1").header("x-api-key", key.expose()).send().await;
        assert!(refused(&answer).contains(word));
    }
}

#[actix_web::test]
async fn only_who_shows_a_bearer_token_is_told_by_the_challenge_that_it_is_invalid() {
    let gateway = gateway().start().await;
    for (authorization, has_error) in
        [(None, false), (Some("Basic eDp5"), false), (Some("Bearer ffg_x"), true)]
    {
        let forward = gateway.forward("oc_1").without("x-api-key");
        let forward = match authorization {
            Some(value) => forward.header("authorization", value),
            None => forward,
        };
        let answer = forward.send().await;
        let challenge = answer.header("www-authenticate").expect("a challenge");
        let error = "error=\"invalid_token\", error_description=\"The API key is damaged";
        assert_eq!(challenge.contains(error), has_error, "{challenge}");
        assert_eq!(challenge.contains("error"), has_error, "{challenge}");
    }
}

#[actix_web::test]
async fn a_valid_key_in_another_scheme_is_no_key() {
    let gateway = gateway().start().await;
    for scheme in ["Basic ", "Token ", "", "Bearer\t", "BearerBearer "] {
        let authorization = format!("{scheme}{}", gateway.key);
        let forward = gateway.forward("oc_1").without("x-api-key");
        refused(&forward.header("authorization", &authorization).send().await);
    }
    assert_eq!(gateway.forwards(), []);
}

#[actix_web::test]
async fn a_key_is_refused_from_the_very_moment_at_which_it_expires() {
    let gateway = gateway().set("keys.tester.expires_at", "2026-01-01T00:00:10Z").start().await;
    gateway.advance_to_just_before(Duration::from_secs(10));
    gateway.forward("oc_1").send().await.message_id();
    gateway.advance_to(Duration::from_secs(10));
    refused(&gateway.forward("oc_1").send().await);
    assert_eq!(gateway.forwards().len(), 1);
}

#[actix_web::test]
async fn the_key_header_wins_over_authorization() {
    let gateway = gateway().start().await;
    gateway.forward("oc_1").header("authorization", "Basic x").send().await.message_id();
    let bearer = format!("Bearer {}", gateway.key);
    let forward = gateway.forward("oc_1").header("x-api-key", "wrong");
    refused(&forward.header("authorization", &bearer).send().await);
}

#[actix_web::test]
async fn each_key_forwards_with_its_own_app() {
    let other = ApiKey::generate();
    let gateway = gateway().second_app_of(&other).start().await;
    gateway.forward("oc_1").send().await.message_id();
    gateway.forward("oc_1").header("x-api-key", other.expose()).send().await.message_id();
    let apps: Vec<String> = gateway.deliveries().into_iter().map(|it| it.app_id).collect();
    assert_eq!(apps, ["cli_main", "cli_second"]);
}

#[actix_web::test]
async fn the_documentation_needs_no_key() {
    let gateway = gateway().start().await;
    for path in ["/docs/", "/openapi.json"] {
        assert_eq!(gateway.ask("GET", path).await.status, 200);
    }
}

/// Mounts `keys` as Kubernetes mounts a secret: each version is a directory of its own, and one
/// symbolic link is put in the place of another.
fn mount(dir: &Path, version: usize, keys: &[(&str, &ApiKey)]) {
    try_to_mount(dir, version, keys).expect("a folder of the test's own");
}

fn try_to_mount(dir: &Path, version: usize, keys: &[(&str, &ApiKey)]) -> io::Result<()> {
    let entry = |(name, key): &(&str, &ApiKey)| format!("[{name}]\nhash = \"{}\"\n", key.hash());
    let folder = dir.join(format!("..version_{version}"));
    fs::create_dir(&folder)?;
    fs::write(folder.join("keys.toml"), keys.iter().map(entry).collect::<String>())?;
    symlink(&folder, dir.join("..data_tmp"))?;
    fs::rename(dir.join("..data_tmp"), dir.join("..data"))?;
    if version == 0 {
        symlink(Path::new("..data").join("keys.toml"), dir.join("keys.toml"))
    } else {
        fs::remove_dir_all(dir.join(format!("..version_{}", version - 1)))
    }
}

#[actix_web::test]
async fn a_swapped_keys_file_changes_who_may_call_at_the_next_look() {
    let (old, new, dir) = (ApiKey::generate(), ApiKey::generate(), tempfile::tempdir().unwrap());
    mount(dir.path(), 0, &[("old", &old)]);
    let file = dir.path().join("keys.toml");
    let gateway = gateway().set("keys_file", file.to_str().unwrap()).start().await;
    let with = |key: &ApiKey| gateway.forward("oc_1").header("x-api-key", key.expose());

    with(&old).send().await.message_id();
    refused(&with(&new).send().await);
    look(&gateway, 0).await;
    mount(dir.path(), 1, &[("new", &new)]);
    with(&old).send().await.message_id();
    look(&gateway, 1).await;
    with(&new).send().await.message_id();
    refused(&with(&old).send().await);
    gateway.forward("oc_1").send().await.message_id();
}

#[actix_web::test]
async fn a_broken_keys_file_leaves_the_keys_as_they_were() {
    let (key, dir) = (ApiKey::generate(), tempfile::tempdir().unwrap());
    mount(dir.path(), 0, &[("kept", &key)]);
    let file = dir.path().join("keys.toml");
    let gateway = gateway().set("keys_file", file.to_str().unwrap()).start().await;
    let reload = async || {
        let metrics = gateway.metrics().await;
        let of = |what| metrics.count(&format!("feishu_gateway_keys_file_last_reload_{what}"), &[]);
        (of("successful"), of("success_timestamp_seconds"))
    };
    look(&gateway, 0).await;
    let (successful, begun_at) = reload().await;
    assert!(successful == 1 && begun_at > 0);
    let broken = ["[kept]\nhash = \"no hash\"\n", "[kept", "[kept]\nhesh = \"x\"\n"];
    for (number, content) in (1..).zip(broken) {
        fs::write(&file, content).unwrap();
        look(&gateway, number).await;
        gateway.forward("oc_1").header("x-api-key", key.expose()).send().await.message_id();
    }
    fs::remove_file(&file).unwrap();
    look(&gateway, 4).await;
    gateway.forward("oc_1").header("x-api-key", key.expose()).send().await.message_id();
    assert_eq!(reload().await, (0, begun_at));
    fs::write(&file, format!("[kept]\nhash = \"{}\"\n", key.hash())).unwrap();
    look(&gateway, 5).await;
    assert_eq!(reload().await, (1, begun_at + 10));
}

#[actix_web::test]
async fn no_forward_is_dropped_while_the_keys_file_is_swapped() {
    let (kept, dir) = (ApiKey::generate(), tempfile::tempdir().unwrap());
    mount(dir.path(), 0, &[("kept", &kept)]);
    let file = dir.path().join("keys.toml");
    let gateway = gateway()
        .set("keys_file", file.to_str().unwrap())
        .set("feishu.attempt_timeout", "1h")
        .set("feishu.deadline", "1h")
        .no_app_limits()
        .start()
        .await;
    look(&gateway, 0).await;

    let done = Arc::new(AtomicBool::new(false));
    let mut senders = Vec::new();
    for sender in 0..4 {
        let (done, mut sent) = (Arc::clone(&done), 0);
        let forwards: Vec<_> = (0..2000)
            .map(|number| gateway.forward(&format!("ou_{sender}_{number}")))
            .map(|forward| forward.header("x-api-key", kept.expose()))
            .collect();
        senders.push(actix_web::rt::spawn(async move {
            for forward in forwards {
                if done.load(Relaxed) {
                    break;
                }
                forward.send().await.message_id();
                sent += 1;
            }
            sent
        }));
    }
    for version in 1..20 {
        let others: Vec<ApiKey> = (0..version).map(|_| ApiKey::generate()).collect();
        let names: Vec<String> = (0..version).map(|number| format!("other{number}")).collect();
        let mut keys: Vec<(&str, &ApiKey)> =
            names.iter().map(String::as_str).zip(&others).collect();
        keys.push(("kept", &kept));
        mount(dir.path(), version, &keys);
        look(&gateway, u32::try_from(version).unwrap()).await;
        let newest = gateway.forward(&format!("ou_newest_{version}"));
        newest.header("x-api-key", others[0].expose()).send().await.message_id();
    }
    done.store(true, Relaxed);
    for sender in senders {
        assert!(guarded(sender).await.unwrap() > 0, "no forward went out meanwhile");
    }
}
