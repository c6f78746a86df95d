use std::collections::VecDeque;
use std::io::ErrorKind;
use std::sync::{Condvar, MutexGuard};

use super::super::dropped::metric;
use super::*;

/// What becomes of the writes, one after the other; once these are used up, all succeed.
#[derive(Clone, Default)]
struct FakeOutput(Arc<(Mutex<FakeState>, Condvar)>);

#[derive(Default)]
struct FakeState {
    is_stuck: bool,
    results: VecDeque<io::Result<usize>>,
    written: Vec<Vec<u8>>,
}

impl FakeOutput {
    fn stuck() -> Self {
        let output = Self::default();
        output.state().is_stuck = true;
        output
    }

    fn failing(kinds: &[ErrorKind]) -> Self {
        let output = Self::default();
        output.state().results = kinds.iter().map(|kind| Err((*kind).into())).collect();
        output
    }

    fn state(&self) -> MutexGuard<'_, FakeState> {
        self.0.0.lock().expect("no panic")
    }

    fn let_go(&self) {
        self.state().is_stuck = false;
        self.0.1.notify_all();
    }

    fn writes(&self) -> Vec<String> {
        let text = |write: &Vec<u8>| String::from_utf8(write.clone()).expect("UTF-8");
        self.state().written.iter().map(text).collect()
    }
}

impl Write for FakeOutput {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let mut state = self.0.1.wait_while(self.state(), |it| it.is_stuck).expect("no panic");
        let count = state.results.pop_front().unwrap_or(Ok(text.len()))?.min(text.len());
        state.written.push(text[..count].to_vec());
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn add(appenders: &Appenders, target: Target, line: &[u8]) {
    appenders.0[target as usize].add(line);
}

/// One line of so many bytes.
fn line(length: usize) -> Vec<u8> {
    [vec![b'x'; length - 1], vec![b'\n']].concat()
}

/// The counts are of the process, so a test that looks at them is alone.
struct Counts {
    before: [u64; 3],
    _alone: MutexGuard<'static, ()>,
}

impl Counts {
    fn begin() -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        Self { before: Self::now(), _alone: alone }
    }

    fn now() -> [u64; 3] {
        Target::ALL.map(|target| metric().with_label_values(&[target.label()]).get())
    }

    /// How many lines of each target were dropped since the beginning.
    fn dropped(&self) -> [u64; 3] {
        let now = Self::now();
        std::array::from_fn(|target| now[target] - self.before[target])
    }
}

#[test]
fn a_write_is_of_whole_lines_as_many_as_a_pipe_takes_at_once() {
    let output = FakeOutput::stuck();
    let (appenders, guard) = Appenders::to(output.clone());
    for length in [1000; 8].into_iter().chain([5000, 4096, 4000]) {
        add(&appenders, Target::Gateway, &line(length));
    }
    output.let_go();
    drop(guard);
    for write in output.writes() {
        assert!(write.ends_with('\n'));
        assert!(write.len() <= MOST_AT_ONCE || write.lines().count() == 1, "{}", write.len());
    }
    assert_eq!(output.writes().concat().len(), 8 * 1000 + 5000 + 4096 + 4000);
    assert!(output.writes().len() < 11, "lines that wait are written together");
}

#[test]
fn no_flood_of_lines_displaces_those_of_another_target_or_takes_more_than_its_room() {
    let counts = Counts::begin();
    let output = FakeOutput::stuck();
    let (appenders, guard) = Appenders::to(output.clone());
    for (target, length, more) in
        [(Target::Other, 128, 300), (Target::Gateway, 4096, 200), (Target::Audit, 1024, 100)]
    {
        let fitting = room(target) / length.max(SHORTEST_LINE);
        (0..fitting + more).for_each(|_| add(&appenders, target, &line(length)));
    }
    // A thread whose write is stuck has taken lines for one write.
    let taken = |dropped: u64, more: u64| dropped <= more && dropped >= more - 40;
    let [audit, gateway, other] = counts.dropped();
    assert!(
        taken(audit, 100) && taken(gateway, 200) && taken(other, 300),
        "{:?}",
        counts.dropped()
    );
    let dropped = counts.dropped();
    output.let_go();
    drop(guard);
    assert_eq!(counts.dropped(), dropped, "what was kept is written");
}

#[test]
fn an_end_waits_a_second_for_a_reader_that_is_stuck() {
    let _counts = Counts::begin();
    let output = FakeOutput::stuck();
    let (appenders, guard) = Appenders::to(output.clone());
    for target in Target::ALL {
        let fitting = room(target) / SHORTEST_LINE;
        (0..fitting + 100).for_each(|_| add(&appenders, target, b"x\n"));
    }
    let (ending, ended) = mpsc::channel();
    let end = thread::spawn(move || {
        drop(guard);
        let _ = ending.send(());
    });
    assert!(ended.recv_timeout(LAST_WORDS * 60).is_ok(), "the end waits for the reader");
    end.join().expect("no panic");
    output.let_go();
}

#[test]
fn a_write_that_fails_is_counted_and_what_comes_after_it_is_written() {
    let counts = Counts::begin();
    let output =
        FakeOutput::failing(&[ErrorKind::BrokenPipe, ErrorKind::StorageFull, ErrorKind::Other]);
    let (appenders, guard) = Appenders::to(output.clone());
    let mut expected = [0; 3];
    for target in Target::ALL {
        add(&appenders, target, b"lost\n");
        expected[target as usize] = 1;
        while counts.dropped() != expected {}
    }
    add(&appenders, Target::Gateway, b"kept\n");
    drop(guard);
    assert_eq!(output.writes().concat(), "kept\n");
}

#[test]
fn a_pipe_that_is_full_and_does_not_block_is_asked_again() {
    let counts = Counts::begin();
    let output = FakeOutput::failing(&[
        ErrorKind::WouldBlock,
        ErrorKind::Interrupted,
        ErrorKind::WouldBlock,
    ]);
    let (appenders, guard) = Appenders::to(output.clone());
    add(&appenders, Target::Gateway, b"kept\n");
    drop(guard);
    assert_eq!(counts.dropped(), [0; 3]);
    assert_eq!(output.writes().concat(), "kept\n");
}

#[test]
fn a_line_that_is_written_in_part_is_written_to_its_end_before_another() {
    let counts = Counts::begin();
    let fake = FakeOutput::default();
    let full = || Err(ErrorKind::StorageFull.into());
    fake.state().results = [Ok(6), full(), full()].into();
    let mut output = Output::to(fake.clone());
    output.write_lines(Target::Gateway, b"one\ntwo\nlost\n");
    assert_eq!(counts.dropped(), [0, 1, 0]);
    output.write_lines(Target::Audit, b"lost\nlost\n");
    assert_eq!(counts.dropped(), [2, 1, 0]);
    output.write_lines(Target::Other, b"last\n");
    assert_eq!(fake.writes().concat(), "one\ntwo\nlast\n");
    assert_eq!(counts.dropped(), [2, 1, 0]);
}

#[test]
fn a_line_without_end_is_cut() {
    let output = FakeOutput::default();
    let (appenders, guard) = Appenders::to(output.clone());
    add(&appenders, Target::Gateway, "ü".repeat(LONGEST_LINE).as_bytes());
    drop(guard);
    let written = output.writes().concat();
    assert!(written.ends_with("ü…\n"), "it is cut where a character ends");
    assert!(written.len() <= LONGEST_LINE + 8);
}
