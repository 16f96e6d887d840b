//! Text to the parser's tree, within bounds, and back from its places to offsets in the text.

use std::any::TypeId;

use sqlparser::ast::{Expr, Spanned};
use sqlparser::dialect::{Dialect, DuckDbDialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use super::ExprError;

/// The longest text, in bytes.
const MAX_TEXT: usize = 64 * 1024;

/// The most words, numbers and signs. A chain of operators becomes a tree as deep as it is long, which must be dropped without
/// running out of stack.
const MAX_TOKENS: usize = 4_000;

/// How deep the parser may recurse; it has large frames.
const MAX_RECURSION: usize = 50;

/// SQL as DuckDB writes it, without what is no scalar expression. Operators bind as they do there, which is as in PostgreSQL:
/// LIKE, IN and BETWEEN more tightly than comparisons, `||` more loosely than `+`.
#[derive(Debug)]
struct Language;

impl Dialect for Language {
    /// The parser asks for the dialect by type where it takes `//` for the division of ints.
    fn dialect(&self) -> TypeId {
        TypeId::of::<DuckDbDialect>()
    }

    fn is_identifier_start(&self, character: char) -> bool {
        character.is_alphabetic() || character == '_'
    }

    fn is_identifier_part(&self, character: char) -> bool {
        character.is_alphabetic() || character.is_ascii_digit() || character == '_'
    }

    fn is_delimited_identifier_start(&self, character: char) -> bool {
        character == '"'
    }

    fn supports_comma_separated_trim(&self) -> bool {
        true
    }

    fn allow_extract_single_quotes(&self) -> bool {
        true
    }

    fn allow_extract_custom(&self) -> bool {
        true
    }

    fn prec_value(&self, precedence: Precedence) -> u8 {
        match precedence {
            Precedence::Period => 100,
            Precedence::DoubleColon => 50,
            Precedence::AtTz => 41,
            Precedence::MulDivModOp => 40,
            Precedence::PlusMinus => 30,
            Precedence::Xor
            | Precedence::Ampersand
            | Precedence::Caret
            | Precedence::Pipe
            | Precedence::Colon
            | Precedence::PgOther => 25,
            Precedence::Between | Precedence::Like => 20,
            Precedence::Eq => 19,
            Precedence::Is => 17,
            Precedence::UnaryNot => 15,
            Precedence::And => 10,
            Precedence::Or => 5,
        }
    }

    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Result<u8, ParserError>> {
        (parser.peek_token_ref().token == Token::StringConcat).then(|| Ok(self.prec_value(Precedence::PgOther)))
    }
}

/// Parses one expression.
pub(super) fn parse(text: &str) -> Result<Expr, ExprError> {
    if text.len() > MAX_TEXT {
        return Err(error(0, format!("the expression has {} bytes, at most {MAX_TEXT} are allowed", text.len())));
    }
    let tokens = Tokenizer::new(&Language, text)
        .tokenize_with_location()
        .map_err(|fault| error(offset(text, fault.location), plain(&fault.message)))?;
    check_tokens(text, &tokens)?;
    let mut parser = Parser::new(&Language).with_recursion_limit(MAX_RECURSION).with_tokens_with_locations(tokens);
    let tree = parser.parse_expr().map_err(|fault| parser_error(text, &fault))?;
    let next = parser.peek_token_ref();
    if next.token != Token::EOF {
        let message = format!("expected an operator or the end, found `{}`", next.token);
        return Err(error(offset(text, next.span.start), message));
    }
    Ok(tree)
}

fn check_tokens(text: &str, tokens: &[TokenWithSpan]) -> Result<(), ExprError> {
    let mut count = 0;
    for found in tokens {
        let at = || offset(text, found.span.start);
        if !matches!(found.token, Token::Whitespace(_)) {
            count += 1;
        }
        if count > MAX_TOKENS {
            let message = format!("the expression has more than {MAX_TOKENS} words, numbers and signs");
            return Err(error(at(), message));
        }
        if let Token::Word(word) = &found.token
            && word.quote_style.is_none()
            && matches!(word.keyword, Keyword::SELECT | Keyword::WITH | Keyword::VALUES | Keyword::TABLE)
        {
            let message = format!("`{}` begins a query, which no expression can hold", word.value);
            let help = format!("an input of that name is written \"{}\"", word.value);
            return Err(ExprError { offset: at(), message, help: Some(help) });
        }
    }
    Ok(())
}

fn error(offset: usize, message: String) -> ExprError {
    ExprError { offset, message, help: None }
}

/// The parser says where in the message itself.
fn parser_error(text: &str, fault: &ParserError) -> ExprError {
    let message = match fault {
        ParserError::RecursionLimitExceeded => {
            return error(0, format!("the expression is nested more than {MAX_RECURSION} levels deep"));
        }
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
    };
    let Some((what, place)) = message.rsplit_once(" at Line: ") else {
        // Only the end has no place.
        return error(if message.ends_with("found: EOF") { text.trim_end().len() } else { 0 }, plain(message));
    };
    let location = place
        .split_once(", Column: ")
        .and_then(|(line, column)| Some(Location { line: line.parse().ok()?, column: column.parse().ok()? }));
    error(location.map_or(0, |location| offset(text, location)), plain(what))
}

/// A message of the parser as ours are: lower case, no final stop.
fn plain(message: &str) -> String {
    if let Some((expected, found)) = message.strip_prefix("Expected: ").and_then(|rest| rest.split_once(", found: ")) {
        return match found {
            "EOF" => format!("expected {expected}, found the end"),
            found => format!("expected {expected}, found `{found}`"),
        };
    }
    let mut characters = message.trim_end_matches('.').chars();
    characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
}

/// The byte offset of a place; the start for one that the parser does not know, the end for one behind it.
fn offset(text: &str, location: Location) -> usize {
    let (Ok(line), Ok(column)) = (usize::try_from(location.line), usize::try_from(location.column)) else { return 0 };
    if line == 0 {
        return 0;
    }
    let start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    let within = rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at);
    start + within
}

/// Where an expression begins. Walks down its left edge in a loop: that edge can be as long as the text.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the parser has seventy kinds of expression; all others know their span"
)]
pub(super) fn start(text: &str, expr: &Expr) -> usize {
    let mut expr = expr;
    loop {
        expr = match expr {
            Expr::BinaryOp { left, .. } | Expr::AnyOp { left, .. } | Expr::AllOp { left, .. } => left,
            Expr::IsNull(inner)
            | Expr::IsNotNull(inner)
            | Expr::IsTrue(inner)
            | Expr::IsNotTrue(inner)
            | Expr::IsFalse(inner)
            | Expr::IsNotFalse(inner)
            | Expr::IsUnknown(inner)
            | Expr::IsNotUnknown(inner)
            | Expr::IsDistinctFrom(inner, _)
            | Expr::IsNotDistinctFrom(inner, _)
            | Expr::Nested(inner) => inner,
            Expr::InList { expr, .. }
            | Expr::Between { expr, .. }
            | Expr::Like { expr, .. }
            | Expr::ILike { expr, .. }
            | Expr::SimilarTo { expr, .. }
            | Expr::Cast { expr, .. }
            | Expr::UnaryOp { expr, .. }
            | Expr::Extract { expr, .. }
            | Expr::Ceil { expr, .. }
            | Expr::Floor { expr, .. }
            | Expr::Substring { expr, .. }
            | Expr::Trim { expr, .. } => expr,
            other => return offset(text, other.span().start),
        };
    }
}
