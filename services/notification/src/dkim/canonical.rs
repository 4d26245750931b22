//! The form of a mail that is signed: what servers on the way may change, white space and case, is
//! taken out (RFC 6376 sections 3.4.2 and 3.4.4).

/// A field of a mail's head, with its line breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field<'m> {
    name: &'m [u8],
    value: &'m [u8],
}

/// Splits a mail where the empty line is.
pub(super) fn split(mail: &[u8]) -> (&[u8], &[u8]) {
    match mail.windows(4).position(|four| four == b"\r\n\r\n") {
        Some(at) => (&mail[..at + 2], &mail[at + 4..]),
        None => (mail, &[]),
    }
}

/// Returns the fields of a head, top down.
pub(super) fn fields(head: &[u8]) -> Vec<Field<'_>> {
    let mut fields = Vec::new();
    let mut rest = head;
    while !rest.is_empty() {
        let end = field_end(rest);
        let (field, after) = rest.split_at(end);
        rest = after;
        if let Some(colon) = field.iter().position(|byte| *byte == b':') {
            fields.push(Field {
                name: field[..colon].trim_ascii(),
                value: &field[colon + 1..],
            });
        }
    }
    fields
}

/// A field ends where a line begins with anything but white space.
fn field_end(text: &[u8]) -> usize {
    let mut from = 0;
    while let Some(at) = text[from..].windows(2).position(|two| two == b"\r\n") {
        from += at + 2;
        if !matches!(text.get(from), Some(b' ' | b'\t')) {
            return from;
        }
    }
    text.len()
}

impl Field<'_> {
    /// Tells whether it has this name, given in lower case.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// Returns it on one line, its name in lower case, its white space single.
    pub(super) fn relaxed(&self) -> String {
        let name = String::from_utf8_lossy(self.name).to_ascii_lowercase();
        let value = String::from_utf8_lossy(self.value);
        let words: Vec<_> = value
            .split([' ', '\t', '\r', '\n'])
            .filter(|word| !word.is_empty())
            .collect();
        format!("{name}:{}", words.join(" "))
    }
}

/// Returns a body with single white space, none at the ends of lines, and no empty lines at its end.
pub(super) fn body(body: &[u8]) -> Vec<u8> {
    let mut relaxed = Vec::with_capacity(body.len());
    // Line ends that count only if something follows.
    let mut ends = 0;
    let body = body.strip_suffix(b"\r\n").unwrap_or(body);
    for line in lines(body) {
        let line = squeezed(line);
        if !line.is_empty() {
            for _ in 0..ends {
                relaxed.extend_from_slice(b"\r\n");
            }
            ends = 0;
            relaxed.extend_from_slice(&line);
        }
        ends += 1;
    }
    if !relaxed.is_empty() {
        relaxed.extend_from_slice(b"\r\n");
    }
    relaxed
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        match text.windows(2).position(|two| two == b"\r\n") {
            Some(at) => {
                rest = Some(&text[at + 2..]);
                Some(&text[..at])
            }
            None => {
                rest = None;
                Some(text)
            }
        }
    })
}

/// Makes each run of spaces and tabs one space, and takes the last one away.
fn squeezed(line: &[u8]) -> Vec<u8> {
    let mut squeezed = Vec::with_capacity(line.len());
    let mut gap = false;
    for byte in line {
        if matches!(byte, b' ' | b'\t') {
            gap = true;
            continue;
        }
        if std::mem::take(&mut gap) {
            squeezed.push(b' ');
        }
        squeezed.push(*byte);
    }
    squeezed
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 6376 section 3.4.5.
    #[test]
    fn the_example_of_the_standard_comes_out_as_it_says() {
        let mail = b"A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n";
        let (head, text) = split(mail);
        let relaxed: Vec<_> = fields(head).iter().map(Field::relaxed).collect();
        assert_eq!(relaxed, ["a:X", "b:Y Z"]);
        assert_eq!(body(text), b" C\r\nD E\r\n");
    }

    #[test]
    fn bodies_end_with_one_line_end_or_are_empty() {
        for (text, expected) in [
            (&b""[..], &b""[..]),
            (b"\r\n", b""),
            (b"\r\n\r\n \r\n", b""),
            (b"x", b"x\r\n"),
            (b"x\r\n", b"x\r\n"),
            (b"x\r\n\r\n\t\r\n", b"x\r\n"),
            (b"\r\nx\r\n\r\ny \r\n", b"\r\nx\r\n\r\ny\r\n"),
        ] {
            assert_eq!(body(text), expected, "{:?}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn a_mail_without_a_body_is_all_head() {
        assert_eq!(split(b"A: x\r\n"), (&b"A: x\r\n"[..], &b""[..]));
        assert_eq!(split(b"A: x\r\n\r\n"), (&b"A: x\r\n"[..], &b""[..]));
    }
}
