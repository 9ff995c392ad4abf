//! The directives of a case, parsed.

use bytecode_spec::TrapCause;

/// A call of an exported function, with its arguments as they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// The module, or empty for the last one.
    pub(super) module: String,
    pub(super) function: String,
    pub(super) args: Vec<String>,
}

/// A frame of an expected backtrace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FrameWanted {
    /// A function, and perhaps the place where it was.
    At(String, Option<String>),
    /// A function of the host.
    Host(String),
    /// Any number of frames, to the end.
    More,
}

/// Something to do, and what is expected of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Directive {
    Run(Call, Vec<String>),
    Trap(Call, TrapCause, Vec<FrameWanted>),
    InstantiateTrap(TrapCause),
    FuelUsed(Call, u64),
    FuelLeft(Call, u64, u64),
    Interrupt(Call),
    Expect { of: String, args: Vec<String>, relation: String, number: u64 },
}

impl Directive {
    /// The directive on a line, if there is one. A line of a backtrace is added to the trap before it.
    pub(super) fn parse(line: &str, before: &mut [(usize, Directive)]) -> Result<Option<Directive>, String> {
        if let Some(frame) = line.strip_prefix(";   at ") {
            return match before.last_mut() {
                Some((_, Directive::Trap(_, _, frames))) => {
                    frames.push(parse_frame(frame.trim()));
                    Ok(None)
                }
                _ => Err("a frame without a trap before it".into()),
            };
        }
        let Some((key, rest)) = line.strip_prefix("; ").and_then(|line| line.split_once(": ")) else {
            return Ok(None);
        };
        let rest = rest.split(";=").next().unwrap_or("").trim();
        Ok(Some(match key {
            "run" => {
                let (call, rest) = parse_call(rest)?;
                match rest.strip_prefix("==") {
                    Some(results) => Directive::Run(call, list(results)),
                    None if rest.is_empty() => Directive::Run(call, vec![]),
                    None => return Err(format!("expected `==`, found `{rest}`")),
                }
            }
            "trap" => match rest.strip_prefix("instantiate ") {
                Some(name) => Directive::InstantiateTrap(cause(name)?),
                None => {
                    let (call, rest) = parse_call(rest)?;
                    Directive::Trap(call, cause(rest)?, vec![])
                }
            },
            "fuel" => {
                let (call, rest) = parse_call(rest)?;
                match *rest.split_whitespace().collect::<Vec<_>>() {
                    ["uses", used] => Directive::FuelUsed(call, number(used)?),
                    ["with", fuel, "leaves", left] => Directive::FuelLeft(call, number(fuel)?, number(left)?),
                    _ => return Err("expected `uses N` or `with N leaves N`".into()),
                }
            }
            "interrupt" => Directive::Interrupt(parse_call(rest)?.0),
            "expect" => {
                let (of, rest) = rest.split_once('(').ok_or("expected `what(place) == number`")?;
                let (args, rest) = rest.split_once(')').ok_or("expected `)`")?;
                let (relation, count) = rest.trim().split_once(' ').ok_or("expected `== number`")?;
                let relation = relation.to_owned();
                Directive::Expect { of: of.into(), args: list(args), relation, number: number(count)? }
            }
            "error" => return Ok(None),
            _ if key.chars().all(|c| c.is_ascii_lowercase()) => {
                return Err(format!("unknown directive {key}"));
            }
            _ => return Ok(None),
        }))
    }
}

fn parse_frame(text: &str) -> FrameWanted {
    if text == "..." {
        FrameWanted::More
    } else if let Some(name) = text.strip_suffix(" (host)") {
        FrameWanted::Host(name.into())
    } else if let Some((name, place)) = text.split_once(':') {
        FrameWanted::At(name.into(), Some(place.into()))
    } else {
        FrameWanted::At(text.into(), None)
    }
}

/// A call, and what is written behind it.
fn parse_call(text: &str) -> Result<(Call, &str), String> {
    let wrong = || format!("expected `@function(arguments)`, found `{text}`");
    let (module, rest) = text.split_once('@').ok_or_else(wrong)?;
    let (function, rest) = rest.split_once('(').ok_or_else(wrong)?;
    let mut depth = 1;
    let end = rest.char_indices().find(|(_, c)| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    let (end, _) = end.ok_or_else(wrong)?;
    let call = Call {
        module: module.trim_end_matches('.').into(),
        function: function.into(),
        args: list(&rest[..end]),
    };
    Ok((call, rest[end + 1..].trim()))
}

/// Items between commas.
fn list(text: &str) -> Vec<String> {
    if text.trim().is_empty() { vec![] } else { text.split(',').map(|item| item.trim().to_owned()).collect() }
}

fn cause(name: &str) -> Result<TrapCause, String> {
    TrapCause::from_name(name.trim()).ok_or_else(|| format!("unknown trap cause `{name}`"))
}

fn number(text: &str) -> Result<u64, String> {
    text.trim().parse().map_err(|error| format!("{text}: {error}"))
}
