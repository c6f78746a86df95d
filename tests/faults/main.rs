//! The fault matrix: whatever goes wrong and whenever, the gateway's answer is compared with what Feishu delivered.
//! `docs/en/design/faults.md` lists the answers, and these tests write it.

mod audit;
mod drive;
mod page;
mod promise;
mod repeats;
mod run;
mod secrets;
mod table;

use std::rc::Rc;

use actix_web::rt;
use gateway_harness::log;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use audit::Audit;
use run::{Run, Seen};
use secrets::Secrets;
use table::Row;

/// Gateways that run at the same time.
const AT_ONCE: usize = 8;

/// What became of a row, for each thing that Feishu may say to a repeated uuid.
type Results = Vec<(feishu_simulator::Duplicate, Seen)>;

#[actix_web::test]
async fn whatever_goes_wrong_the_answer_is_true_and_is_the_one_that_the_page_shows() {
    log::capture();
    let room = Rc::new(Semaphore::new(AT_ONCE));
    let (secrets, audit) = (Rc::new(Secrets::default()), Rc::new(Audit::default()));
    let sections = table::sections();
    let running: Vec<Vec<JoinHandle<Results>>> = sections
        .iter()
        .map(|section| {
            let run = |row: &Row| {
                rt::spawn(results(row.clone(), room.clone(), secrets.clone(), audit.clone()))
            };
            section.rows().map(run).collect()
        })
        .collect();

    let (mut pages, mut wrong) = (Vec::new(), Vec::new());
    for (section, running) in sections.iter().zip(running) {
        let mut seen = Vec::new();
        for (row, running) in section.rows().zip(running) {
            match running.await {
                Ok(results) => seen.push(results),
                Err(_panicked) => wrong.push(row.to_string()),
            }
        }
        pages.push((section, seen));
    }
    assert!(wrong.is_empty(), "what each of these does wrong stands above:\n{}", wrong.join("\n"));
    secrets.are_in_no_log();
    audit.says_the_same().await;
    page::check(&(page::write(&pages) + &repeats::section().await));
}

async fn results(row: Row, room: Rc<Semaphore>, secrets: Rc<Secrets>, audit: Rc<Audit>) -> Results {
    let mut results = Vec::new();
    for duplicate in row.duplicates {
        let mut agreed = None;
        for staging in &row.stagings {
            let _room = room.acquire().await.expect("nobody closes it");
            let run = Run {
                staging,
                duplicate: *duplicate,
                attempts_are_certain: !row.varies,
                secrets: &secrets,
                audit: &audit,
            };
            let seen = run.seen().await;
            let first = agreed.get_or_insert_with(|| seen.clone());
            assert_eq!(*first, seen, "{row} ends in more than one way: {staging:?}");
        }
        results.push((*duplicate, agreed.expect("a row is staged")));
    }
    results
}
