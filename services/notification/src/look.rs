//! How an operator's mails look, and their language.

use std::{fmt, fs, path::PathBuf, str::FromStr};

use clap::Args;
use contract::Language;
use runtime::Error;

/// How an operator's mails look, as it is told.
#[derive(Debug, Clone, Default, Args)]
pub struct LookArgs {
    /// Language of mails: en or de. Inboxes are read in the language that their readers ask for
    #[arg(
        long = "mail-language",
        visible_alias = "language",
        env = "SWITCHOVER_MAIL_LANGUAGE",
        value_name = "LANGUAGE",
        default_value = "en"
    )]
    pub language: Language,
    /// Colour of mails' upper edge and buttons, such as #0b57d0
    #[arg(
        long = "mail-colour",
        env = "SWITCHOVER_MAIL_COLOUR",
        value_name = "COLOUR",
        default_value = "#0b57d0"
    )]
    pub colour: Colour,
    /// Logo of mails: an https address from which mail programs may load it, or a file (PNG, JPEG or
    /// GIF of at most 24 KiB) that goes with each mail
    #[arg(
        long = "mail-logo",
        env = "SWITCHOVER_MAIL_LOGO",
        value_name = "URL|FILE"
    )]
    pub logo: Option<LogoArg>,
}

/// A colour: `#` and six hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour([u8; 3]);

impl Default for Colour {
    fn default() -> Self {
        Self([0x0b, 0x57, 0xd0])
    }
}

impl FromStr for Colour {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "a colour is # and six hexadecimal digits, such as #0b57d0";
        let digits = text.strip_prefix('#').ok_or(WRONG)?;
        if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(WRONG);
        }
        let number = u32::from_str_radix(digits, 16).map_err(|_| WRONG)?;
        let [_, red, green, blue] = number.to_be_bytes();
        Ok(Self([red, green, blue]))
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([red, green, blue]) = self;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl Colour {
    /// Returns white or black, whichever is easier to read on it (WCAG 2.2, contrast ratio).
    pub(crate) fn ink(self) -> Self {
        let channel = |byte: u8| {
            let part = f64::from(byte) / 255.0;
            if part <= 0.040_45 {
                part / 12.92
            } else {
                ((part + 0.055) / 1.055).powf(2.4)
            }
        };
        let Self([red, green, blue]) = self;
        let light = 0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
        let (on_white, on_black) = (1.05 / (light + 0.05), (light + 0.05) / 0.05);
        if on_white >= on_black {
            Self([255, 255, 255])
        } else {
            Self([0, 0, 0])
        }
    }
}

/// Where a logo is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogoArg {
    /// Mail programs load it from here, if their owners let them.
    Url(Box<str>),
    /// It goes with each mail.
    File(PathBuf),
}

impl FromStr for LogoArg {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        const URL_MAX: usize = 300;
        if !text.contains("://") {
            return Ok(Self::File(text.into()));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/?=&%+,@[]".contains(c);
        let host = text.strip_prefix("https://").unwrap_or_default();
        if !host.is_empty()
            && !host.starts_with('/')
            && text.len() <= URL_MAX
            && text.chars().all(plain)
        {
            Ok(Self::Url(text.into()))
        } else {
            Err("a logo is an https address of at most 300 plain characters, or a file")
        }
    }
}

/// How an operator's mails look.
#[derive(Debug, Clone, Default)]
pub(crate) struct Look {
    pub(crate) language: Language,
    pub(crate) colour: Colour,
    pub(crate) logo: Option<Logo>,
}

/// A logo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Logo {
    /// Loaded from elsewhere.
    Url(Box<str>),
    /// Part of the mail.
    Embedded(Picture),
}

/// A picture that goes with mails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    /// Its type, by what it begins with.
    pub(crate) media_type: &'static str,
    /// What is in the file.
    pub(crate) bytes: Vec<u8>,
}

impl Picture {
    /// The most bytes: each mail is sealed with it and sent.
    pub(crate) const MAX: usize = 24 * 1024;
    /// What the mail calls it.
    pub(crate) const ID: &str = "logo";

    fn of(bytes: Vec<u8>) -> Result<Self, &'static str> {
        const TYPES: [(&[u8], &str); 4] = [
            (b"\x89PNG\r\n\x1a\n", "image/png"),
            (b"\xff\xd8\xff", "image/jpeg"),
            (b"GIF87a", "image/gif"),
            (b"GIF89a", "image/gif"),
        ];
        if bytes.len() > Self::MAX {
            return Err(
                "a logo that goes with mails has at most 24 KiB; make it smaller, or give an https address",
            );
        }
        let (_, media_type) = TYPES
            .into_iter()
            .find(|(begin, _)| bytes.starts_with(begin))
            .ok_or("a logo that goes with mails is a PNG, JPEG or GIF")?;
        Ok(Self { media_type, bytes })
    }
}

impl LookArgs {
    /// Reads the logo's file.
    pub(crate) fn look(&self) -> Result<Look, Error> {
        let logo = match &self.logo {
            None => None,
            Some(LogoArg::Url(url)) => Some(Logo::Url(url.clone())),
            Some(LogoArg::File(path)) => {
                let bytes = fs::read(path).map_err(|error| Error::file(path, error))?;
                let picture = Picture::of(bytes).map_err(|error| Error::file(path, error))?;
                Some(Logo::Embedded(picture))
            }
        };
        Ok(Look {
            language: self.language,
            colour: self.colour,
            logo,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_has_six_digits_and_an_ink_that_can_be_read() {
        for (text, ink) in [
            ("#0b57d0", "#ffffff"),
            ("#FFDD00", "#000000"),
            ("#000000", "#ffffff"),
            ("#ffffff", "#000000"),
        ] {
            let colour: Colour = text.parse().unwrap();
            assert_eq!(colour.to_string(), text.to_lowercase());
            assert_eq!(colour.ink().to_string(), ink, "{text}");
        }
        for text in [
            "",
            "red",
            "#fff",
            "#0b57d0;",
            "#+b57d0",
            "#0b57d\u{e9}",
            "0b57d0",
        ] {
            assert!(text.parse::<Colour>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_logo_is_at_an_encrypted_address_or_a_small_picture() {
        for text in ["https://e.example/logo.png?v=2", "https://e.example:8443/a"] {
            assert_eq!(text.parse(), Ok(LogoArg::Url(text.into())));
        }
        for text in [
            "http://e.example/x.png",
            "javascript://x",
            "https://",
            "https:///x",
            "https://e.example/\"onload=x",
            "https://e.example/a b",
        ] {
            assert!(text.parse::<LogoArg>().is_err(), "{text:?}");
        }
        let folder = tempfile::tempdir().unwrap();
        let look = |bytes: &[u8]| {
            let path = folder.path().join("logo");
            fs::write(&path, bytes).unwrap();
            let logo = Some(LogoArg::File(path));
            LookArgs {
                logo,
                ..LookArgs::default()
            }
            .look()
        };
        assert!(look(b"\x89PNG\r\n\x1a\nx").is_ok());
        assert!(look(b"<svg onload=x>").is_err());
        assert!(look(&[b"GIF89a".as_slice(), &[0; Picture::MAX]].concat()).is_err());
    }

    #[test]
    fn a_language_is_one_that_there_are_texts_of() {
        assert_eq!("de".parse(), Ok(Language::German));
        for text in ["", "fr", "DE", "de-AT"] {
            assert!(text.parse::<Language>().is_err(), "{text:?}");
        }
    }
}
