//! Lines for the shell that the program was started from.

/// The shells whose lines can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shell {
    Posix,
    Cmd,
    Pwsh,
}

impl Shell {
    /// The shell that this program was probably started from. PowerShell adds the user's modules to the two places of the
    /// machine that every process of Windows has in this variable.
    pub(super) fn at_hand() -> Self {
        let modules = std::env::var("PSModulePath").unwrap_or_default();
        match modules.split(';').count() {
            _ if !cfg!(windows) => Self::Posix,
            0..3 => Self::Cmd,
            _ => Self::Pwsh,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Posix => "sh",
            Self::Cmd => "cmd",
            Self::Pwsh => "PowerShell",
        }
    }

    /// A path or a name as the shell takes it for one word.
    pub(super) fn quoted(self, word: &str) -> String {
        let bare = |sign: char| {
            sign.is_alphanumeric() || "/:._-+".contains(sign) || (sign == '\\' && self != Self::Posix)
        };
        match self {
            _ if word.chars().all(bare) => word.to_owned(),
            Self::Posix => format!("'{}'", word.replace('\'', r"'\''")),
            Self::Pwsh => format!("'{}'", word.replace('\'', "''")),
            Self::Cmd => format!("\"{word}\""),
        }
    }

    /// A line that sets variables.
    pub(super) fn set(self, variables: &[(&str, &str)]) -> String {
        // In cmd, the quotes keep what follows the value, such as a blank, from becoming a part of it.
        let (begin, between) = match self {
            Self::Posix => ("export ", " "),
            Self::Cmd => ("", " & "),
            Self::Pwsh => ("", "; "),
        };
        let each = variables.iter().map(|(name, value)| match self {
            Self::Posix => format!("{name}={}", self.quoted(value)),
            Self::Cmd => format!("set \"{name}={value}\""),
            Self::Pwsh => format!("$env:{name} = '{}'", value.replace('\'', "''")),
        });
        format!("  {begin}{}\n", each.collect::<Vec<_>>().join(between))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shell_gets_lines_that_it_understands() {
        let variables = [("A", r"CORP\it's me"), ("B", "b")];
        for (shell, expected) in [
            (Shell::Posix, "  export A='CORP\\it'\\''s me' B=b\n"),
            (Shell::Cmd, "  set \"A=CORP\\it's me\" & set \"B=b\"\n"),
            (Shell::Pwsh, "  $env:A = 'CORP\\it''s me'; $env:B = 'b'\n"),
        ] {
            assert_eq!(shell.set(&variables), expected);
        }
    }
}
