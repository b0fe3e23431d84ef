//! What `jobruns simulate` prints: what a client needs, and commands to try.

use std::fmt::Write as _;

use super::args::{CertificateChoice, Encoding, PASSWORD_VARIABLE, SimulateArgs};
use super::shell::Shell;
use crate::model::hex;
use crate::simulator::{Credentials, Simulator};

/// What a client needs, and the commands to try. A password that the user chose (`secret`) is not shown.
pub(super) fn startup_text(args: &SimulateArgs, server: &Simulator, secret: bool, shell: Shell) -> String {
    let url = server.base_url();
    let pin = hex(&server.certificate_sha256());
    // Who has the authority can check what it signed, unless that is wrong in itself.
    let checked = matches!(
        args.certificate,
        CertificateChoice::Signed | CertificateChoice::SelfSigned
    );
    let ca = args.ca_out.as_deref().filter(|_| checked);
    let mut trust = if args.http {
        "--insecure".to_owned()
    } else if let Some(ca) = ca {
        format!("--ca-cert {}", shell.quoted(&ca.display().to_string()))
    } else {
        format!("--pin {pin}")
    };
    if args.password_encoding == Encoding::None {
        trust.push_str(" --password-encoding none");
    }
    let user = &args.username;
    let default = Credentials::default().password;
    let (shown, password) = if secret {
        (format!("what {PASSWORD_VARIABLE} holds"), "...".to_owned())
    } else {
        (default.clone(), default)
    };
    let end = args.lasting.map_or_else(String::new, |after| {
        format!(", and stops by itself after {after:?}")
    });
    let mut text = format!(
        "A CCS look-alike answers at {url} until Ctrl-C{end}.\n\nuser      {user}\npassword  {shown}\n"
    );
    if !args.http {
        let _ = writeln!(text, "pin       {pin}");
    }
    let jobs = server.jobs();
    const SHOWN: usize = 10;
    for ((id, name), number) in jobs.iter().take(SHOWN).zip(1..) {
        let _ = writeln!(text, "job {number:<5} {id}  {name}");
    }
    if jobs.len() > SHOWN {
        let _ = writeln!(
            text,
            "and {} more: `jobruns jobs discover` lists them",
            jobs.len() - SHOWN
        );
    }
    let first = jobs.first().map_or("", |(id, _)| id);
    let variables = shell.set(&[
        ("JOBRUNS_URL", &url),
        ("JOBRUNS_USERNAME", user),
        ("JOBRUNS_PASSWORD", &password),
    ]);
    let _ = write!(
        text,
        "\nIn another terminal ({}):\n\
         {variables}\
         \x20 jobruns sync {trust} {first}\n\
         \x20 jobruns sync {trust}\n\
         \x20 jobruns status\n",
        shell.name()
    );
    text
}
