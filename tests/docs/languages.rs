//! A page in Chinese has the headings, programs and tables of the page in English.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// The parts of the documentation that are in both languages.
const IN_BOTH: [&str; 3] = ["index.md", "guide", "operations"];

/// The tags of code blocks that show an answer or a picture.
const ANSWERS: [&str; 5] = ["", "http", "json", "mermaid", "text"];

/// What both languages have in common, in the order of the page.
#[derive(PartialEq)]
enum Part {
    Heading(HeadingLevel),
    /// A program without its comments. Of an answer, which may be in the reader's language, only that there is one.
    Program(String),
    /// The code in a row's first cell, and how many cells it has.
    Row(Vec<String>, usize),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Heading(level) => write!(f, "a heading {level}"),
            Self::Program(lines) => write!(f, "a program:\n{lines}"),
            Self::Row(codes, cells) => {
                write!(f, "a row of {cells} cells that begins with {codes:?}")
            }
        }
    }
}

/// The parts of a page, each with its line.
fn parts(page: &str) -> Vec<(usize, Part)> {
    let events = Parser::new_ext(page, Options::ENABLE_TABLES).into_offset_iter();
    let mut parts = Vec::new();
    let (mut program, mut is_answer) = (None, false);
    let (mut codes, mut cells) = (Vec::new(), 0);
    for (event, range) in events {
        let line = page[..range.start].lines().count() + 1;
        match event {
            Event::Start(Tag::Heading { level, .. }) => parts.push((line, Part::Heading(level))),
            Event::Start(Tag::CodeBlock(kind)) => {
                program = Some(String::new());
                is_answer =
                    matches!(&kind, CodeBlockKind::Fenced(tag) if ANSWERS.contains(&&**tag));
            }
            Event::Text(text) => {
                if let Some(program) = &mut program {
                    program.push_str(&text);
                }
            }
            Event::End(TagEnd::CodeBlock) => {
                let lines = program.take().unwrap_or_default();
                let lines = if is_answer { String::new() } else { without_comments(&lines) };
                parts.push((line, Part::Program(lines)));
            }
            Event::Start(Tag::TableHead | Tag::TableRow) => (codes, cells) = (Vec::new(), 0),
            Event::Start(Tag::TableCell) => cells += 1,
            Event::Code(code) if cells == 1 => codes.push(code.into_string()),
            Event::End(TagEnd::TableHead | TagEnd::TableRow) => {
                parts.push((line, Part::Row(std::mem::take(&mut codes), cells)));
                cells = 0;
            }
            _ => {}
        }
    }
    parts
}

fn without_comments(program: &str) -> String {
    let code = |line: &str| {
        let end = if line.trim_start().starts_with(['#', '/']) && !line.contains("#!") {
            0
        } else {
            line.find(" #").or_else(|| line.find(" //")).unwrap_or(line.len())
        };
        line[..end].trim_end().to_owned()
    };
    program.lines().map(code).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// The pages below `folder` that are in both languages, by their paths in it.
fn pages(folder: &Path) -> Vec<PathBuf> {
    let mut pages = Vec::new();
    for part in IN_BOTH {
        let path = folder.join(part);
        if path.is_dir() {
            let files = fs::read_dir(&path).expect("a folder");
            pages.extend(files.map(|file| Path::new(part).join(file.expect("a file").file_name())));
        } else if path.exists() {
            pages.push(part.into());
        }
    }
    pages.sort();
    pages
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The first difference between the pages, if there is one.
fn difference(english: &Path, chinese: &Path) -> Option<String> {
    let read = |path: &Path| fs::read_to_string(root().join(path)).unwrap_or_default();
    let (should, is) = (parts(&read(english)), parts(&read(chinese)));
    let part = |parts: &[(usize, Part)], at: usize| parts.get(at).map(|(_, part)| part.to_string());
    let at = (0..should.len().max(is.len())).find(|&at| part(&should, at) != part(&is, at))?;
    let shown = |page: &Path, parts: &[(usize, Part)]| match parts.get(at) {
        Some((line, part)) => format!("{}:{line} has {part}", page.display()),
        None => format!("{} ends", page.display()),
    };
    Some(format!("{}\nwhere {}", shown(chinese, &is), shown(english, &should)))
}

#[test]
fn each_page_is_in_both_languages() {
    let (english, chinese) = (pages(&root().join("docs/en")), pages(&root().join("docs/zh")));
    assert!(english.len() > 15, "only {} pages: they are not found", english.len());
    assert_eq!(english, chinese);
}

#[test]
fn both_languages_have_the_same_headings_programs_and_tables() {
    let twins = pages(&root().join("docs/en"));
    let twins =
        twins.iter().map(|page| (Path::new("docs/en").join(page), Path::new("docs/zh").join(page)));
    let readme = ("README.md".into(), "README.zh-CN.md".into());
    let compared = twins.chain([readme]).map(|(english, chinese)| difference(&english, &chinese));
    let differences: Vec<String> = compared.flatten().collect();
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}

#[test]
fn a_difference_between_the_languages_is_found() {
    let page = "# A\n\n```sh\nmake run  # now\n```\n\n| `a` | b |\n|---|---|\n| `c` | d |\n";
    let other = |from: &str, to: &str| parts(&page.replace(from, to)) == parts(page);
    assert!(
        other("# A", "# 甲")
            && other("# now", "# 现在")
            && other("| b", "| 乙")
            && other("| d", "| 丁")
    );
    assert!(!other("# A", "## A") && !other("make run", "make"));
    assert!(!other("`c`", "`e`") && !other("| `c` | d |\n", ""));
}
