use super::*;
use crate::model::policy::Policy;
use crate::model::share::{Budget, Weight};
use crate::model::webhook::{WebhookSecret, WebhookUrl};

const NOW: Timestamp = Timestamp::constant(1_767_225_600, 0);

fn entry(key: &str) -> KeyEntry {
    KeyEntry {
        hash: KeyHash::of(key),
        app: "main".into(),
        tenants: Tenants::None,
        expires_at: None,
        disabled: false,
        policy: Policy::default(),
        weight: Weight::ONE,
        budget: Budget::default(),
        webhook: None,
    }
}

fn ring(name: &str, entry: KeyEntry) -> Keyring {
    Keyring::new(&BTreeMap::from([(name.to_owned(), entry)]))
}

#[test]
fn a_known_key_names_its_caller_and_the_app() {
    let caller = ring("billing", entry("k")).authenticate("k", NOW).expect("known").caller;
    assert_eq!((&*caller.name, &*caller.app), ("billing", "main"));
}

#[test]
fn another_key_is_unknown() {
    let ring = ring("billing", entry("k"));
    for other in ["", "K", "k ", "kk", &KeyHash::of("k").to_string()] {
        assert_eq!(ring.authenticate(other, NOW), Err(KeyRefusal::Unknown));
    }
}

#[test]
fn an_empty_ring_knows_nobody() {
    let ring = Keyring::new(&BTreeMap::new());
    assert_eq!(ring.authenticate("k", NOW), Err(KeyRefusal::Unknown));
}

#[test]
fn a_key_expires_at_the_very_moment_and_not_before() {
    let expires_at = Some(NOW);
    let ring = ring("billing", KeyEntry { expires_at, ..entry("k") });
    let before = NOW - jiff::SignedDuration::from_nanos(1);
    assert!(ring.authenticate("k", before).is_ok());
    let name = "billing".into();
    assert_eq!(ring.authenticate("k", NOW), Err(KeyRefusal::Expired { name }));
}

#[test]
fn a_disabled_key_is_refused() {
    let ring = ring("billing", KeyEntry { disabled: true, ..entry("k") });
    let name = "billing".into();
    assert_eq!(ring.authenticate("k", NOW), Err(KeyRefusal::Disabled { name }));
}

#[test]
fn replacing_the_keys_admits_the_new_and_refuses_the_old() {
    let ring = ring("billing", entry("old"));
    ring.replace(&BTreeMap::from([("billing".to_owned(), entry("new"))]));
    assert!(ring.authenticate("new", NOW).is_ok());
    assert_eq!(ring.authenticate("old", NOW), Err(KeyRefusal::Unknown));
}

#[test]
fn a_webhook_is_that_of_the_keys_that_are_configured_now() {
    let webhook = Webhook {
        url: WebhookUrl::parse("https://example.com").expect("right"),
        secret: WebhookSecret::parse(&format!("whsec_{}", "a".repeat(32))).expect("right"),
        secret_file: None,
    };
    let ring = ring("billing", KeyEntry { webhook: Some(webhook.clone()), ..entry("k") });
    assert_eq!((ring.webhook("billing"), ring.webhook("other")), (Some(webhook), None));
    ring.replace(&BTreeMap::from([("billing".to_owned(), entry("k"))]));
    assert_eq!(ring.webhook("billing"), None);
}

#[test]
fn nothing_that_is_printed_holds_a_key() {
    let ring = ring("billing", entry("a key in clear"));
    let refusal = ring.authenticate("another key in clear", NOW).expect_err("unknown");
    let shown = format!("{ring:?} {refusal:?} {refusal}");
    assert!(!shown.contains("in clear"));
}

const SECRET: &str = "secret";

fn tenant(key: &str) -> TenantKey {
    TenantKey::parse(key).expect("valid")
}

/// A ring that issues tokens for the key `k`, which may be used in these tenants.
fn shop(tenants: &str) -> Keyring {
    let tenants = Tenants::parse(tenants.split(',')).expect("valid");
    let secret = SecretString::from(SECRET);
    ring("billing", KeyEntry { tenants, ..entry("k") }).for_apps([("main", "cli_1", &secret)])
}

fn other_tenant() -> KeyRefusal {
    KeyRefusal::OtherTenant { name: "billing".into() }
}

#[test]
fn a_caller_with_one_tenant_is_in_it_and_one_with_several_in_none_yet() {
    let in_tenant = |tenants| shop(tenants).authenticate("k", NOW).expect("known").caller.tenant;
    assert_eq!(in_tenant("a"), Some(tenant("a")));
    assert_eq!([in_tenant("a,b"), in_tenant("*")], [None, None]);
}

#[test]
fn a_caller_is_named_only_in_a_tenant_of_its_key() {
    let ring = shop("a,b");
    let named = |tenant: Option<&TenantKey>| ring.caller_named("billing", tenant, NOW);
    assert_eq!(named(Some(&tenant("b"))).and_then(|it| it.tenant), Some(tenant("b")));
    assert_eq!([named(Some(&tenant("c"))), named(None)], [None, None]);
    ring.replace(&BTreeMap::from([("billing".to_owned(), entry("k"))]));
    assert!(ring.caller_named("billing", None, NOW).is_some());
    assert_eq!(ring.caller_named("billing", Some(&tenant("b")), NOW), None);
}

#[test]
fn a_token_for_a_tenant_of_a_store_app_is_for_this_tenant_alone() {
    let app = shop("a,b").issue_app_token("cli_1", "k", NOW).expect("right").token;
    for shown in [&app, "k"] {
        let ring = shop("a,b");
        let token =
            ring.issue_tenant_token(shown, Some(&tenant("b")), NOW).expect("its tenant").token;
        let known = ring.authenticate_token(&token, NOW).expect("good");
        assert_eq!(
            (known.caller.tenant, known.tenants),
            (Some(tenant("b")), Tenants::one(tenant("b")))
        );
        let other = ring.issue_tenant_token(shown, Some(&tenant("c")), NOW);
        assert_eq!(other.map(|it| it.token), Err(other_tenant()));
        // A token must not live longer than by one renewal without its key.
        let again = ring.issue_tenant_token(&token, Some(&tenant("b")), NOW);
        assert_eq!(again.map(|it| it.token), Err(KeyRefusal::Token));
        ring.replace(&BTreeMap::from([(
            "billing".to_owned(),
            KeyEntry { tenants: Tenants::one(tenant("a")), ..entry("k") },
        )]));
        assert_eq!(ring.authenticate_token(&token, NOW), Err(other_tenant()));
    }
    let nowhere = shop("*").issue_tenant_token("k", None, NOW);
    assert_eq!(nowhere.map(|it| it.token), Err(other_tenant()));
    assert!(shop("*").issue_tenant_token("k", Some(&tenant("c")), NOW).is_ok());
}

#[test]
fn a_program_of_a_self_built_app_gets_a_token_only_where_the_tenant_is_clear() {
    let token = shop("a").issue_token("billing", "k", NOW).expect("one tenant").token;
    let known = shop("*").authenticate_token(&token, NOW).expect("good");
    assert_eq!(known.caller.tenant, Some(tenant("a")));
    for tenants in ["a,b", "*"] {
        let token = shop(tenants).issue_token("billing", "k", NOW);
        assert_eq!(token.map(|it| it.token), Err(other_tenant()));
    }
    let secret = SecretString::from(SECRET);
    let own = ring("billing", entry("k")).for_apps([("main", "cli_1", &secret)]);
    assert_eq!(own.issue_app_token("cli_1", "k", NOW).map(|it| it.token), Err(other_tenant()));
    let token = own.issue_token("cli_1", "k", NOW).expect("right").token;
    assert_eq!(own.authenticate_token(&token, NOW).expect("good").tenants, Tenants::None);
}
