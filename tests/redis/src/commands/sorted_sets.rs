//! Commands for sorted sets.

use std::ops::Bound;

use super::super::database::{Database, Refusal, Value};
use super::super::numbers;
use super::super::reply::Reply;
use super::super::sorted_set::SortedSet;
use super::{integer, syntax};

fn set<'a>(database: &'a mut Database, key: &[u8]) -> Result<Option<&'a mut SortedSet>, Refusal> {
    database.typed(key, Value::as_sorted_set)
}

pub(crate) fn add(database: &mut Database, arguments: &[Vec<u8>]) -> Result<Reply, Refusal> {
    let (mut rest, mut must_exist) = (&arguments[1..], None);
    while let Some((option, others)) = rest.split_first() {
        match (&*option.to_ascii_uppercase(), must_exist) {
            (b"NX", None | Some(false)) => must_exist = Some(false),
            (b"XX", None | Some(true)) => must_exist = Some(true),
            (b"NX" | b"XX", _) => {
                let why = "ERR XX and NX options at the same time are not compatible";
                return Err(why.to_owned());
            }
            _ => break,
        }
        rest = others;
    }
    let (pairs, odd) = rest.as_chunks::<2>();
    if pairs.is_empty() || !odd.is_empty() {
        return Err(syntax());
    }
    let score = |text: &[u8]| {
        numbers::float(text).ok_or_else(|| "ERR value is not a valid float".to_owned())
    };
    let pairs: Vec<(f64, &Vec<u8>)> = pairs
        .iter()
        .map(|[number, member]| Ok((score(number)?, member)))
        .collect::<Result<_, Refusal>>()?;
    let key = &arguments[0];
    let set = if must_exist == Some(true) {
        let Some(set) = set(database, key)? else { return Ok(Reply::Number(0)) };
        set
    } else {
        let new = Value::SortedSet(SortedSet::default());
        database.typed_or(key, new, Value::as_sorted_set)?
    };
    let mut added = 0;
    for (score, member) in pairs {
        if must_exist.is_none_or(|it| it == set.score(member).is_some()) {
            added += usize::from(set.insert(member, score));
        }
    }
    Ok(Reply::count(added))
}

pub(crate) fn remove(database: &mut Database, arguments: &[Vec<u8>]) -> Result<Reply, Refusal> {
    let Some(set) = set(database, &arguments[0])? else { return Ok(Reply::Number(0)) };
    let removed = arguments[1..].iter().filter(|member| set.remove(member)).count();
    database.remove_if_empty(&arguments[0]);
    Ok(Reply::count(removed))
}

pub(crate) fn size(database: &mut Database, keys: &[Vec<u8>]) -> Result<Reply, Refusal> {
    Ok(Reply::count(set(database, &keys[0])?.map_or(0, |it| it.len())))
}

pub(crate) fn score(database: &mut Database, arguments: &[Vec<u8>]) -> Result<Reply, Refusal> {
    let score = set(database, &arguments[0])?.and_then(|it| it.score(&arguments[1]));
    Ok(score.map_or(Reply::Nil, written))
}

fn written(score: f64) -> Reply {
    Reply::text(numbers::text(score).as_bytes())
}

fn score_bound(text: &[u8]) -> Result<Bound<f64>, Refusal> {
    let number = |text: &[u8]| {
        numbers::float(text).ok_or_else(|| "ERR min or max is not a float".to_owned())
    };
    Ok(match text.strip_prefix(b"(") {
        Some(text) => Bound::Excluded(number(text)?),
        None => Bound::Included(number(text)?),
    })
}

fn name_bound(text: &[u8]) -> Result<NameBound<'_>, Refusal> {
    Ok(match text {
        [b'[', name @ ..] => NameBound::Name(Bound::Included(name)),
        [b'(', name @ ..] => NameBound::Name(Bound::Excluded(name)),
        b"-" => NameBound::BeforeAll,
        b"+" => NameBound::AfterAll,
        _ => return Err("ERR min or max not valid string range item".to_owned()),
    })
}

/// A name, or what is before or after every name.
enum NameBound<'a> {
    Name(Bound<&'a [u8]>),
    BeforeAll,
    AfterAll,
}

impl NameBound<'_> {
    fn is_before(&self, member: &[u8]) -> bool {
        match self {
            Self::Name(Bound::Excluded(name)) => *name < member,
            Self::Name(Bound::Included(name)) => *name <= member,
            Self::Name(Bound::Unbounded) | Self::BeforeAll => true,
            Self::AfterAll => false,
        }
    }

    fn is_after(&self, member: &[u8]) -> bool {
        match self {
            Self::Name(Bound::Excluded(name)) => member < *name,
            Self::Name(Bound::Included(name)) => member <= *name,
            Self::Name(Bound::Unbounded) | Self::AfterAll => true,
            Self::BeforeAll => false,
        }
    }
}

pub(crate) fn count(database: &mut Database, arguments: &[Vec<u8>]) -> Result<Reply, Refusal> {
    let (min, max) = (score_bound(&arguments[1])?, score_bound(&arguments[2])?);
    let set = set(database, &arguments[0])?;
    Ok(Reply::count(set.map_or(0, |it| it.by_score(min, max).count())))
}

pub(crate) fn remove_by_score(
    database: &mut Database,
    arguments: &[Vec<u8>],
) -> Result<Reply, Refusal> {
    let (min, max) = (score_bound(&arguments[1])?, score_bound(&arguments[2])?);
    let Some(set) = set(database, &arguments[0])? else { return Ok(Reply::Number(0)) };
    let within = set.by_score(min, max).map(|(member, _)| member.clone());
    let within: Vec<Vec<u8>> = within.collect();
    for member in &within {
        set.remove(member);
    }
    database.remove_if_empty(&arguments[0]);
    Ok(Reply::count(within.len()))
}

/// The members whose names are within the bounds, where all have one score.
fn within_names<'a>(
    database: &'a mut Database,
    key: &[u8],
    min: &[u8],
    max: &[u8],
) -> Result<Vec<(&'a Vec<u8>, f64)>, Refusal> {
    let (min, max) = (name_bound(min)?, name_bound(max)?);
    let all = set(database, key)?.map(|it| &*it).into_iter().flat_map(SortedSet::iter);
    Ok(all.filter(|(member, _)| min.is_before(member) && max.is_after(member)).collect())
}

pub(crate) fn count_by_name(
    database: &mut Database,
    arguments: &[Vec<u8>],
) -> Result<Reply, Refusal> {
    Ok(Reply::count(within_names(database, &arguments[0], &arguments[1], &arguments[2])?.len()))
}

pub(crate) fn by_place(database: &mut Database, arguments: &[Vec<u8>]) -> Result<Reply, Refusal> {
    let (first, last) = (integer(&arguments[1])?, integer(&arguments[2])?);
    let options = Options::read(&arguments[3..])?;
    if options.limit.is_some() {
        let why =
            "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX";
        return Err(why.to_owned());
    }
    let Some(set) = set(database, &arguments[0])? else { return Ok(Reply::List(Vec::new())) };
    let size = i64::try_from(set.len()).unwrap_or(i64::MAX);
    let from_end = |place: i64| if place < 0 { size.saturating_add(place) } else { place };
    let (first, last) = (from_end(first).max(0), from_end(last));
    let many = last.saturating_sub(first).saturating_add(1);
    let as_size = |it: i64| usize::try_from(it).unwrap_or(0);
    Ok(options.reply(set.iter().skip(as_size(first)).take(as_size(many))))
}

pub(crate) fn by_score(database: &mut Database, arguments: &[Vec<u8>]) -> Result<Reply, Refusal> {
    let options = Options::read(&arguments[3..])?;
    let (min, max) = (score_bound(&arguments[1])?, score_bound(&arguments[2])?);
    let set = set(database, &arguments[0])?;
    Ok(options.reply(set.map(|it| it.by_score(min, max)).into_iter().flatten()))
}

pub(crate) fn by_name(database: &mut Database, arguments: &[Vec<u8>]) -> Result<Reply, Refusal> {
    let options = Options::read(&arguments[3..])?;
    Ok(options
        .reply(within_names(database, &arguments[0], &arguments[1], &arguments[2])?.into_iter()))
}

pub(crate) fn by_name_backwards(
    database: &mut Database,
    arguments: &[Vec<u8>],
) -> Result<Reply, Refusal> {
    let options = Options::read(&arguments[3..])?;
    Ok(options.reply(
        within_names(database, &arguments[0], &arguments[2], &arguments[1])?.into_iter().rev(),
    ))
}

/// What a range is asked for with.
struct Options {
    with_scores: bool,
    /// How many members are left out, and how many are wanted (all: a negative number).
    limit: Option<(i64, i64)>,
}

impl Options {
    fn read(mut arguments: &[Vec<u8>]) -> Result<Self, Refusal> {
        let mut options = Self { with_scores: false, limit: None };
        while let Some((option, rest)) = arguments.split_first() {
            arguments = rest;
            match (&*option.to_ascii_uppercase(), rest) {
                (b"WITHSCORES", _) => options.with_scores = true,
                (b"LIMIT", [skipped, many, rest @ ..]) => {
                    options.limit = Some((integer(skipped)?, integer(many)?));
                    arguments = rest;
                }
                _ => return Err(syntax()),
            }
        }
        Ok(options)
    }

    fn reply<'a>(&self, members: impl Iterator<Item = (&'a Vec<u8>, f64)>) -> Reply {
        let (skipped, many) = self.limit.unwrap_or((0, -1));
        let many = usize::try_from(many).unwrap_or(usize::MAX);
        // Nothing is before the first one.
        let Ok(skipped) = usize::try_from(skipped) else { return Reply::List(Vec::new()) };
        let mut reply = Vec::new();
        for (member, score) in members.skip(skipped).take(many) {
            reply.push(Reply::text(member));
            if self.with_scores {
                reply.push(written(score));
            }
        }
        Reply::List(reply)
    }
}
