//! What Redis is told again, or hears of late.

use super::*;

#[test]
fn who_asks_again_is_no_doubt_to_itself_and_hears_of_others() {
    let stage = Stage::new();
    let (one, other) = (stage.replica(LONG, "hush"), stage.replica(LONG, "hush"));
    let (claimed, _) = stage.leads(&one, named("key", "om_1"));
    assert!(matches!(stage.0.wait(claimed.acquire()), LeaseReply::Lead { age: None, .. }));
    let known =
        |first_attempt| Sent { name: named("key", "om_1"), first_attempt, fate: Fate::Unknown };
    let minute_ago = other.clock.stamp().earlier_by(LONG);
    stage.0.wait(other.repeat(&known(minute_ago)));
    let asked = stage.0.wait(claimed.acquire());
    assert!(matches!(asked, LeaseReply::Lead { age: Some(age), .. } if age >= LONG), "{asked:?}");
    // A refusal does not undo it, and is not told again.
    stage.end(&claimed, Some(&refused()), false);
    let (_, age) = stage.leads(&other, named("key", "om_1"));
    assert!(age.is_some_and(|age| age >= LONG));
}

#[test]
fn what_a_redis_that_was_emptied_is_told_counts_however_it_hears_of_it() {
    let stage = Stage::new();
    let replica = stage.replica(LONG, "hush");
    let named = named("key", "om_1");
    let place = replica.place(named).split_once("}:").unwrap().1.to_owned();
    let empty = || stage.0.plant(&place, "");
    for (outcome, in_doubt, is_in_doubt) in [(refused(), false, false), (refused(), true, true)] {
        let (claimed, _) = stage.leads(&replica, named);
        empty();
        stage.end(&claimed, Some(&outcome), in_doubt);
        assert_eq!(stage.leads(&replica, named).1.is_some(), is_in_doubt);
        empty();
    }
    let (claimed, _) = stage.leads(&replica, named);
    empty();
    stage.end(&claimed, Some(&delivered()), false);
    assert!(matches!(stage.claim(&replica, named), LeaseReply::Done(_)));
}

#[test]
fn a_doubt_undoes_a_refusal_and_not_a_delivery() {
    let stage = Stage::new();
    let replica = stage.replica(LONG, "hush");
    for (outcome, is_undone) in [(refused(), true), (delivered(), false)] {
        let named = named(if is_undone { "a" } else { "b" }, "om_1");
        let (claimed, _) = stage.leads(&replica, named);
        stage.end(&claimed, Some(&outcome), false);
        assert!(matches!(stage.claim(&replica, named), LeaseReply::Done(_)));
        let first_attempt = replica.clock.stamp();
        stage.0.wait(replica.repeat(&Sent { name: named, first_attempt, fate: Fate::Unknown }));
        let asked = stage.claim(&replica, named);
        assert_eq!(matches!(asked, LeaseReply::Lead { age: Some(_), .. }), is_undone, "{asked:?}");
    }
}

#[test]
fn what_is_under_way_is_no_doubt_where_redis_knows_of_it() {
    let stage = Stage::new();
    let replica = stage.replica(LONG, "hush");
    let name = named("key", "om_1");
    let first_attempt = replica.clock.stamp();
    let sent = Sent { name, first_attempt, fate: Fate::UnderWay };
    let (claimed, _) = stage.leads(&replica, name);
    stage.0.wait(replica.repeat(&sent));
    stage.end(&claimed, Some(&refused()), false);
    stage.0.wait(replica.repeat(&sent));
    assert!(matches!(stage.claim(&replica, name), LeaseReply::Done(_)));
    let place = replica.place(name).split_once("}:").unwrap().1.to_owned();
    stage.0.plant(&place, "");
    stage.0.wait(replica.repeat(&sent));
    assert!(stage.leads(&replica, name).1.is_some());
}

#[test]
fn what_was_delivered_is_remembered_without_its_answer_for_an_hour() {
    let stage = Stage::new();
    let replica = stage.replica(LONG, "hush");
    let name = named("key", "om_1");
    let first_attempt = replica.clock.stamp().earlier_by(LONG * 10);
    let sent = Sent { name, first_attempt, fate: Fate::Delivered };
    stage.0.wait(replica.repeat(&sent));
    let (kept, _) = kept(&stage, &replica, name);
    assert!((2_900_000..=3_000_000).contains(&kept), "{kept} ms");
    let (_, age) = stage.leads(&replica, name);
    assert!(age.is_some_and(|age| age >= LONG * 10));
}
