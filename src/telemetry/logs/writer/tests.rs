use std::collections::VecDeque;

use super::super::dropped::metric;
use super::*;

/// What becomes of the writes, one after the other; once they are used up, all succeed.
#[derive(Clone, Default)]
struct Output(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    is_stuck: bool,
    results: VecDeque<io::Result<usize>>,
    written: Vec<Vec<u8>>,
}

impl Output {
    fn stuck() -> Self {
        let output = Self::default();
        output.state().is_stuck = true;
        output
    }

    fn state(&self) -> MutexGuard<'_, State> {
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

impl Write for Output {
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

const EVER: Duration = Duration::from_mins(3);

/// One line of the target, in so many bytes.
fn line(length: usize) -> Vec<u8> {
    [vec![b'x'; length - 1], vec![b'\n']].concat()
}

fn count(target: Target) -> u64 {
    metric().with_label_values(&[target.label()]).get()
}

/// How many lines of the target were dropped meanwhile.
fn dropped_of(target: Target, during: impl FnOnce()) -> u64 {
    let before = count(target);
    during();
    count(target) - before
}

/// The counts are of the process, so who looks at them is alone.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn lines_that_are_logged_soon_after_each_other_are_one_write() {
    let (lines, output) = (Lines::kept(), Output::default());
    lines.add(Target::Gateway, b"1\n");
    lines.add(Target::Audit, b"2\n");
    lines.write_to(output.clone());
    lines.flush(EVER);
    assert_eq!(output.writes(), ["1\n2\n"]);
}

#[test]
fn a_write_is_of_whole_lines_as_many_as_a_pipe_takes_at_once() {
    let (lines, output) = (Lines::kept(), Output::default());
    lines.write_to(output.clone());
    for length in [1000; 8].into_iter().chain([5000, 4096, 4000]) {
        lines.add(Target::Gateway, &line(length));
    }
    lines.flush(EVER);
    for write in output.writes() {
        assert!(write.ends_with('\n'));
        assert!(write.len() <= MOST_AT_ONCE || write.lines().count() == 1, "{}", write.len());
    }
    assert_eq!(output.writes().concat().len(), 8 * 1000 + 5000 + 4096 + 4000);
}

#[test]
fn who_logs_waits_for_nobody_and_audit_lines_are_dropped_last() {
    let _alone = alone();
    let (lines, output) = (Lines::kept(), Output::stuck());
    lines.write_to(output.clone());
    let add = |target, count| (0..count).for_each(|_| lines.add(target, &line(1024)));
    let fitting = ROOM / 1024;
    assert_eq!(dropped_of(Target::Gateway, || add(Target::Gateway, fitting + 100)), 100);
    assert_eq!(dropped_of(Target::Other, || add(Target::Other, 1)), 1);
    let audit = || add(Target::Audit, ROOM_FOR_AUDIT / 1024 + 10);
    assert_eq!(dropped_of(Target::Audit, audit), 10);
    lines.flush(Duration::from_millis(1));
    // Who reads is back: what was kept comes out, whole, and there is room again.
    output.let_go();
    lines.flush(EVER);
    assert_eq!(output.writes().concat().len(), ROOM + ROOM_FOR_AUDIT);
    lines.add(Target::Other, b"again\n");
    lines.flush(EVER);
    assert!(output.writes().concat().ends_with("again\n"));
}

#[test]
fn a_write_that_fails_is_counted_and_what_comes_after_it_is_written() {
    let _alone = alone();
    let (lines, output) = (Lines::kept(), Output::default());
    let broken = [ErrorKind::BrokenPipe, ErrorKind::StorageFull, ErrorKind::Other];
    output.state().results = broken.into_iter().map(|kind| Err(kind.into())).collect();
    lines.write_to(output.clone());
    for target in [Target::Audit, Target::Gateway, Target::Other] {
        let log = || {
            lines.add(target, b"lost\n");
            lines.flush(EVER);
        };
        assert_eq!(dropped_of(target, log), 1);
    }
    lines.add(Target::Gateway, b"kept\n");
    lines.flush(EVER);
    assert_eq!(output.writes().concat(), "kept\n");
}

#[test]
fn a_line_that_is_written_in_part_is_written_to_its_end_before_another() {
    let _alone = alone();
    let (lines, output) = (Lines::kept(), Output::default());
    let results = [Ok(6), Err(ErrorKind::StorageFull.into()), Err(ErrorKind::StorageFull.into())];
    output.state().results = results.into();
    let before = count(Target::Gateway);
    let lost_are = |number| while count(Target::Gateway) < before + number {};
    for text in ["one\n", "two\n", "lost\n"] {
        lines.add(Target::Gateway, text.as_bytes());
    }
    lines.write_to(output.clone());
    lost_are(1);
    lines.add(Target::Gateway, b"lost\n");
    lost_are(2);
    lines.add(Target::Gateway, b"last\n");
    lines.flush(EVER);
    assert_eq!(output.writes().concat(), "one\ntwo\nlast\n");
    assert_eq!(count(Target::Gateway), before + 2);
}

#[test]
fn a_pipe_that_is_full_and_does_not_block_is_asked_again() {
    let _alone = alone();
    let (lines, output) = (Lines::kept(), Output::default());
    let full = [ErrorKind::WouldBlock, ErrorKind::Interrupted, ErrorKind::WouldBlock];
    output.state().results = full.into_iter().map(|kind| Err(kind.into())).collect();
    lines.write_to(output.clone());
    let log = || {
        lines.add(Target::Gateway, b"kept\n");
        lines.flush(EVER);
    };
    assert_eq!(dropped_of(Target::Gateway, log), 0);
    assert_eq!(output.writes().concat(), "kept\n");
}

#[test]
fn a_line_without_end_is_cut() {
    let (lines, output) = (Lines::kept(), Output::default());
    lines.write_to(output.clone());
    lines.add(Target::Gateway, "ü".repeat(LONGEST_LINE).as_bytes());
    lines.flush(EVER);
    let written = output.writes().concat();
    assert!(written.ends_with("ü…\n"), "it is cut where a character ends");
    assert!(written.len() <= LONGEST_LINE + 8);
}
