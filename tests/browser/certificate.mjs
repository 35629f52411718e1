// A certificate, and its authority, that browsers are made to trust.

import { execFileSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const openssl = (...args) => execFileSync("openssl", args, { stdio: "ignore" });
const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];

export class Certificate {
  folder = mkdtempSync(join(tmpdir(), "certificate-"));
  authority = join(this.folder, "authority.pem");
  file = join(this.folder, "certificate.pem");
  key = join(this.folder, "key.pem");

  // For these names: "DNS:localhost", "IP:127.0.0.1".
  constructor(...names) {
    const authorityKey = join(this.folder, "authority-key.pem");
    openssl("req", "-x509", ...curve, "-subj", "/CN=tests", "-keyout", authorityKey, "-out", this.authority);
    openssl(
      ...["req", "-x509", ...curve, "-subj", "/CN=a server", "-CA", this.authority, "-CAkey", authorityKey],
      ...["-addext", `subjectAltName=${names.join(",")}`, "-addext", "basicConstraints=critical,CA:FALSE"],
      ...["-keyout", this.key, "-out", this.file],
    );
  }

  // By this Chromium trusts it, for TURN, too: --ignore-certificate-errors counts for pages alone.
  get flag() {
    const publicKey = new X509Certificate(readFileSync(this.file)).publicKey.export({ type: "spki", format: "der" });
    const hash = createHash("sha256").update(publicKey).digest("base64");
    return `--ignore-certificate-errors-spki-list=${hash}`;
  }

  // A profile of a Firefox that trusts the authority, as a machine of its own trusts its own.
  firefoxProfile() {
    const profile = join(this.folder, "firefox");
    mkdirSync(profile);
    const database = ["-d", `sql:${profile}`];
    execFileSync("certutil", ["-N", ...database, "--empty-password"]);
    execFileSync("certutil", ["-A", ...database, "-n", "tests", "-t", "CT,,", "-i", this.authority]);
    return profile;
  }

  remove() {
    rmSync(this.folder, { recursive: true });
  }
}
