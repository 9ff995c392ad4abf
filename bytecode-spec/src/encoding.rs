//! The binary form of a module (`.sbc`): a header, then the [`Module`] in the postcard wire format.
//!
//! | bytes | content |
//! |---|---|
//! | 4 | magic: `7F 53 42 43` (`\x7fSBC`) |
//! | 4 | [`VERSION`], little-endian |
//! | rest | the fields of [`Module`] in order, as [postcard](https://postcard.jamesmunns.com/wire-format) writes them |
//!
//! In short: unsigned integers as LEB128 (signed ones zigzag), strings and lists as their length and content, options
//! as a byte 0 or 1, enums as the number of their variant. Code is a byte string of little-endian 64-bit words. What there
//! is much of lies in byte strings, too, that are read at once: names of registers and line tables; the
//! [manual](crate::manual) says how. A new version number is given to any change that an older reader would misread.

use serde::Deserialize;
use thiserror::Error;

use crate::limits::MAX_MODULE_BYTES;
use crate::module::{Module, VerifiedModule};

/// The first bytes of an encoded module.
pub const MAGIC: [u8; 4] = *b"\x7fSBC";
/// The version of the encoding that this crate writes, and the only one it reads.
pub const VERSION: u32 = 2;

/// Why bytes are not an encoded module.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The magic is missing.
    #[error("byte 0: not a Strata module, which starts with 7F 53 42 43; assemble text with `strata asm`")]
    Magic,
    /// Another version.
    #[error("byte 4: encoding version {found}, this reader knows {VERSION}; assemble the program again")]
    Version {
        /// The version found.
        found: u32,
    },
    /// More bytes than [`MAX_MODULE_BYTES`].
    #[error("{len} bytes, a module has at most {MAX_MODULE_BYTES}")]
    TooLarge {
        /// Bytes given.
        len: usize,
    },
    /// The bytes end within the module.
    #[error("byte {offset}: the module is cut off here; copy or assemble it again")]
    Truncated {
        /// Where the reader stopped.
        offset: usize,
    },
    /// A field holds what it cannot.
    #[error("byte {offset}: malformed module ({reason}); copy or assemble it again")]
    Malformed {
        /// Where the reader stopped.
        offset: usize,
        /// What is wrong.
        reason: String,
    },
    /// The module ends before the bytes do.
    #[error("byte {offset}: {extra} bytes follow the module's end")]
    Trailing {
        /// Where the module ends.
        offset: usize,
        /// How many bytes follow.
        extra: usize,
    },
}

/// Encodes a module. Equal modules give equal bytes.
///
/// # Panics
///
/// Never: every module can be encoded.
pub fn encode(module: &VerifiedModule) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    postcard::to_extend(&**module, bytes).expect("a vector takes all that is written to it")
}

/// Decodes a module, which is then to be [verified](crate::verify()). Uses memory in proportion to the length of
/// `bytes`, whatever they claim.
///
/// # Errors
///
/// See [`DecodeError`]; offsets are in bytes from the start.
///
/// ```
/// use bytecode_spec::encoding::{DecodeError, decode};
/// assert_eq!(decode(b"\x7fSBC\x09\0\0\0"), Err(DecodeError::Version { found: 9 }));
/// ```
pub fn decode(bytes: &[u8]) -> Result<Module, DecodeError> {
    let (magic, rest) = bytes.split_at_checked(4).ok_or(DecodeError::Magic)?;
    if magic != MAGIC {
        return Err(DecodeError::Magic);
    }
    let (&version, body) = rest.split_first_chunk().ok_or(DecodeError::Truncated { offset: bytes.len() })?;
    match u32::from_le_bytes(version) {
        VERSION => {}
        found => return Err(DecodeError::Version { found }),
    }
    if bytes.len() > MAX_MODULE_BYTES {
        return Err(DecodeError::TooLarge { len: bytes.len() });
    }
    let mut deserializer = postcard::Deserializer::from_bytes(body);
    let module = Module::deserialize(&mut deserializer);
    // What is left tells how far the reader came, also when it failed.
    let extra = deserializer.finalize().map_or(0, <[u8]>::len);
    let offset = bytes.len() - extra;
    match module {
        Ok(_) if extra > 0 => Err(DecodeError::Trailing { offset, extra }),
        Ok(module) => Ok(module),
        Err(postcard::Error::DeserializeUnexpectedEnd) => Err(DecodeError::Truncated { offset }),
        Err(error) => Err(DecodeError::Malformed { offset, reason: error.to_string() }),
    }
}
