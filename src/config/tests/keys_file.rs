//! The keys file, at the start and while it changes.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::*;
use crate::clock::Clock;
use crate::config::{ApiKeys, AppConfig, KeyFiles, SecretFile, read_keys_file};

fn table(name: &str, key: &str) -> String {
    format!("[{name}]\nhash = '{}'\n", KeyHash::of(key))
}

fn config() -> Config {
    load_toml(&(key_table("inline", "inline", "") + APP)).expect("right")
}

fn read(content: &str) -> Result<ApiKeys, Vec<ConfigError>> {
    let Config { apps, keys, .. } = config();
    read_keys_file(&on_disk(content).path, &apps, &keys).map(|(keys, _)| keys)
}

fn shown(content: &str) -> Vec<String> {
    read(content).expect_err("errors").iter().map(ConfigError::to_string).collect()
}

fn keys_file(path: &Path) -> KeyFiles {
    let config = Config { keys_file: Some(path.into()), ..config() };
    KeyFiles::of(&config, &config.apps).expect("a file")
}

fn names(keys: &ApiKeys) -> Vec<&str> {
    keys.keys().map(String::as_str).collect()
}

#[test]
fn its_tables_are_keys_like_those_of_the_configuration() {
    let keys = read(&(table("a", "a") + "disabled = true\n" + &table("b", "b") + "app = 'main'\n"))
        .expect("right");
    assert_eq!(names(&keys), ["a", "b"]);
    assert!(keys["a"].disabled && keys["a"].app == "main" && keys["b"].hash == KeyHash::of("b"));
}

#[test]
fn an_entry_of_the_configuration_may_stand_in_it_as_it_is() {
    let keys = read(&(key_table("a", "a", "") + &table("b", "b") + &key_table("c", "c", "")));
    assert_eq!(keys.as_ref().map(names), Ok(vec!["a", "b", "c"]));
    // `keys` may be the name of a caller too.
    assert_eq!(read(&table("keys", "k")).as_ref().map(names), Ok(vec!["keys"]));
    assert!(
        shown(&(table("a", "a") + &key_table("a", "a", "")))[0]
            .starts_with("keys.a.hash: is set twice")
    );
    assert!(shown("[keys.a]\n")[0].starts_with("keys.a.hash: is missing"));
}

#[test]
fn an_empty_one_holds_no_keys() {
    assert_eq!(read("").map(|keys| keys.len()), Ok(0));
}

#[test]
fn all_its_errors_are_reported_at_once() {
    let shown = shown("hash = 'x'\n[a]\nhash = 'hush'\napp = 'no'\n[b]\nowner = 'me'\n");
    let keys: Vec<&str> = shown.iter().filter_map(|it| it.split(": ").next()).collect();
    assert_eq!(keys, ["keys.a.app", "keys.a.hash", "keys.b.hash", "keys.b.owner", "keys.hash"]);
    assert!(!shown.concat().contains("hush"));
}

#[test]
fn a_name_or_a_hash_of_the_configuration_is_an_error_in_it() {
    let shown = shown(&(table("inline", "another") + &table("a", "inline")));
    assert!(shown[0].starts_with("keys.a.hash: is also the hash of keys.inline (in "), "{shown:?}");
    assert!(
        shown[1].starts_with("keys.inline: is in the configuration and also in the keys file"),
        "{shown:?}"
    );
}

#[test]
fn one_that_cannot_be_read_is_an_error_with_its_path() {
    let apps: BTreeMap<String, AppConfig> = config().apps;
    let errors = read_keys_file("/no/such".as_ref(), &apps, &ApiKeys::new()).expect_err("no file");
    assert!(errors[0].to_string().starts_with("keys_file: /no/such cannot be read: "));
}

#[test]
fn the_first_look_returns_all_keys_and_the_next_nothing() {
    let file = on_disk(table("a", "a"));
    let mut keys_file = keys_file(&file.path);
    let keys = keys_file.look().expect("the first").expect("right");
    assert_eq!(names(&keys), ["a", "inline"]);
    assert!(keys_file.look().is_none());
}

#[test]
fn the_swap_of_a_mounted_kubernetes_secret_is_noticed() {
    let volume = tempfile::tempdir().expect("a temporary directory");
    let at = |name: &str| volume.path().join(name);
    for (version, key) in [("..2024_1", "old"), ("..2024_2", "new")] {
        fs::create_dir(at(version)).expect("a version");
        fs::write(at(version).join("keys.toml"), table("a", key)).expect("its content");
    }
    symlink("..2024_1", at("..data")).expect("the link to the version");
    symlink("..data/keys.toml", at("keys.toml")).expect("the link to the file");
    let mut keys_file = keys_file(&at("keys.toml"));
    let keys = keys_file.look().expect("the first").expect("right");
    assert_eq!(keys["a"].hash, KeyHash::of("old"));

    symlink("..2024_2", at("..data_tmp")).expect("the new link");
    fs::rename(at("..data_tmp"), at("..data")).expect("the swap");
    fs::remove_dir_all(at("..2024_1")).expect("the old version goes");
    let keys = keys_file.look().expect("a change").expect("right");
    assert_eq!(keys["a"].hash, KeyHash::of("new"));
    assert!(keys_file.look().is_none());
}

#[test]
fn a_broken_file_is_reported_once_and_a_repaired_one_is_picked_up() {
    let file = on_disk(table("a", "a"));
    let mut keys_file = keys_file(&file.path);
    assert!(keys_file.look().is_some_and(|keys| keys.is_ok()));
    fs::write(&file.path, "[a").expect("a broken file");
    assert!(keys_file.look().is_some_and(|keys| keys.is_err()));
    assert!(keys_file.look().is_none());
    fs::remove_file(&file.path).expect("removing it");
    assert!(keys_file.look().is_some_and(|keys| keys.is_err()));
    assert!(keys_file.look().is_none());
    fs::write(&file.path, table("a", "a")).expect("a repaired file");
    assert!(keys_file.look().is_some_and(|keys| keys.is_ok()));
}

#[test]
fn it_is_a_file_with_a_bound() {
    let apps = config().apps;
    let shown = |path: &Path| {
        let errors = read_keys_file(path, &apps, &ApiKeys::new()).expect_err("refused");
        errors.iter().map(ConfigError::to_string).collect::<Vec<_>>().join("\n")
    };
    let large = on_disk(vec![b'#'; (16 << 20) + 1]);
    assert!(shown(&large.path).contains("it has more than 16777216 bytes"));
    // Reading a pipe that nobody writes to would block, and a device has no end.
    assert!(shown("/dev/zero".as_ref()).contains("it is not a file"));
    assert!(shown(large.path.parent().expect("a directory")).contains("it is not a file"));
}

#[test]
fn more_than_100000_keys_are_an_error() {
    let content: Vec<String> = (0..=100_000).map(|number| format!("k{number}={{}}\n")).collect();
    let shown = shown(&content.concat());
    assert!(shown.len() == 1 && shown[0].contains("100001 keys, more than 100000"), "{shown:?}");
}

/// A function that measures how long it takes to read `count` keys, each with `more` in its table.
fn reading(count: usize, more: &str) -> impl Fn() -> Duration {
    let content: String = (0..count)
        .map(|number| table(&format!("key{number}"), &number.to_string()) + more)
        .collect();
    let (file, Config { apps, keys, .. }) = (on_disk(content), config());
    move || {
        let clock = Clock::system();
        let started = clock.now();
        let file: &OnDisk = &file;
        let read = read_keys_file(&file.path, &apps, &keys);
        let took = clock.since(started);
        assert_eq!(read.map_or_else(|errors| errors.len(), |(keys, _)| keys.len()), count);
        took
    }
}

#[test]
fn ten_times_the_keys_right_or_wrong_take_about_ten_times_as_long() {
    for more in ["", "disabled = 1\n", "unknown = 1\n"] {
        let (few, many) = (reading(400, more), reading(4000, more));
        // On a busy machine a measurement may be wrong, so there are ten tries. If each key were compared with
        // each other one, every try would take a hundred times as long.
        let mut tries = (0..10).map(|_| (few().min(few()), many()));
        assert!(tries.any(|(few, many)| many < few * 30), "{more:?}");
    }
}

#[test]
fn a_secret_file_is_reported_when_it_holds_another_secret_and_once_when_it_is_wrong() {
    let file = on_disk("hush");
    let path = file.path.display();
    let toml = format!("[apps.main]\napp_id = 'cli_1'\napp_secret_file = '{path}'\n");
    let mut files = SecretFile::all(&load_toml(&toml).expect("right"));
    let [secret_file] = &mut files[..] else { panic!("one") };
    let mut look = |content: &str| {
        fs::write(&file.path, content).expect("a change");
        let shown = secret_file.look()?;
        Some(shown.map(|it| it.expose_secret().to_owned()).map_err(|it| it.to_string()))
    };
    assert_eq!(look("hush\n"), None);
    assert_eq!(look("other\n"), Some(Ok("other".to_owned())));
    let shown = look("hu sh").expect("a change").expect_err("wrong");
    assert!(shown.starts_with("apps.main.app_secret_file: names a file whose content must"));
    assert_eq!(look("hu sh"), None);
    assert_eq!(look("other"), Some(Ok("other".to_owned())));
}
