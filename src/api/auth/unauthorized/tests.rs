use std::collections::BTreeSet;

use super::*;

fn every_one() -> Vec<Unauthorized> {
    use Unauthorized::*;
    let name = || "billing".into();
    vec![
        NoKey,
        OtherHeader(OTHER_HEADERS[0]),
        Empty,
        NotText,
        WithoutBearer,
        Basic,
        OtherScheme,
        BearerInKey,
        Quoted,
        Hash,
        Feishu,
        Damaged,
        NoAppSecret,
        Refused(KeyRefusal::Unknown),
        Refused(KeyRefusal::Expired { name: name() }),
        Refused(KeyRefusal::Disabled { name: name() }),
        Refused(KeyRefusal::OtherApp { name: name() }),
        Refused(KeyRefusal::OtherTenant { name: name() }),
        Refused(KeyRefusal::Token),
    ]
}

#[test]
fn each_says_something_else_and_none_of_it_names_a_key() {
    let mut said: Vec<_> = every_one().iter().map(|it| it.detail().en.into_owned()).collect();
    assert!(said.iter().all(|text| !text.contains("billing")), "{said:?}");
    said.sort();
    said.dedup();
    assert_eq!(said.len(), every_one().len());
}

#[test]
fn each_has_a_label_and_those_without_a_name_are_listed() {
    let of_strangers = every_one().into_iter().filter(|it| it.key_name().is_none());
    let labels: BTreeSet<_> = of_strangers.map(|it| it.label()).collect();
    assert_eq!(labels, Unauthorized::LABELS_OF_STRANGERS.iter().copied().collect());
    let all: BTreeSet<_> = every_one().iter().map(Unauthorized::label).collect();
    assert_eq!(all.len(), every_one().len());
}

#[test]
fn a_challenge_holds_only_what_rfc_6750_lets_a_description_hold() {
    for it in every_one() {
        let description = it.detail().en;
        let is_allowed = |c: char| matches!(c, ' '..='!' | '#'..='[' | ']'..='~');
        assert!(description.chars().all(is_allowed), "{description}");
        let challenge = it.challenge();
        let challenge = challenge.to_str().expect("text");
        assert!(challenge.starts_with("Bearer realm="), "{challenge}");
    }
}

#[test]
fn a_key_that_is_unknown_is_classified_by_its_form() {
    for (shown, expected) in [
        ("Bearer ffg_1", Unauthorized::BearerInKey),
        ("bearer x", Unauthorized::BearerInKey),
        ("\"ffg_1\"", Unauthorized::Quoted),
        ("<key>", Unauthorized::Quoted),
        ("${KEY}", Unauthorized::Quoted),
        ("sha256:00", Unauthorized::Hash),
        ("t-g1044qeGEDXTB6NDJOGV4JQCYDGHRBARFTGT1234", Unauthorized::Feishu),
        ("u-1", Unauthorized::Feishu),
        ("a-1", Unauthorized::Feishu),
        ("eyJhbGciOi", Unauthorized::Feishu),
        ("cli_1", Unauthorized::Feishu),
        ("ffg_1", Unauthorized::Damaged),
        ("", Unauthorized::Refused(KeyRefusal::Unknown)),
        ("ß", Unauthorized::Refused(KeyRefusal::Unknown)),
        ("a password", Unauthorized::Refused(KeyRefusal::Unknown)),
    ] {
        assert_eq!(Unauthorized::of_unknown(shown), expected, "{shown}");
    }
    let generated = ApiKey::generate();
    let unknown = Unauthorized::Refused(KeyRefusal::Unknown);
    assert_eq!(Unauthorized::of_unknown(generated.expose()), unknown);
}
