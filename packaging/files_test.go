package packaging

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"io"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const needrestartFile = "/etc/needrestart/conf.d/muster.conf"

// member is one file of a package.
type member struct {
	tar.Header
	text []byte
}

// members reads a package: what is "fsys-tarfile" or "ctrl-tarfile".
func members(t *testing.T, deb, what string) map[string]member {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "dpkg-deb", "--"+what, deb).Output()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]member{}
	for r := tar.NewReader(bytes.NewReader(out)); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[strings.TrimPrefix(header.Name, ".")] = member{*header, text}
	}
}

func testFiles(t *testing.T, deb string) {
	want := []string{
		"/usr/bin/agent", "/usr/lib/systemd/system/muster.service", "/usr/lib/systemd/system/muster-profile.service",
		"/usr/lib/sysusers.d/muster.conf", "/usr/lib/tmpfiles.d/muster.conf", "/usr/share/man/man5/muster.yaml.5.gz",
		"/usr/share/man/man8/agent.8.gz", "/usr/share/man/man8/agent-join.8.gz", "/usr/share/bash-completion/completions/agent",
		"/usr/share/zsh/vendor-completions/_agent", "/usr/share/fish/vendor_completions.d/agent.fish",
		"/usr/share/doc/muster/examples/profile.yaml", "/usr/share/doc/muster/examples/52muster", "/usr/share/doc/muster/copyright",
		needrestartFile, "/usr/share/doc/muster/changelog.gz", "/usr/share/lintian/overrides/muster",
	}
	files := members(t, deb, "fsys-tarfile")
	for _, name := range want {
		if len(files[name].text) == 0 {
			t.Errorf("%s is missing or empty", name)
		}
	}
	page := regexp.MustCompile(`^/usr/share/man/man8/agent(-[a-z]+)*\.8\.gz$`)
	secret := regexp.MustCompile(`mst1-[A-Za-z0-9_-]{20}`)
	for name, f := range files {
		mode := int64(0o644)
		switch {
		case f.Typeflag == tar.TypeDir || name == "/usr/bin/agent":
			mode = 0o755
		case f.Typeflag != tar.TypeReg:
			t.Errorf("%s is neither file nor folder", name)
		}
		if f.Typeflag == tar.TypeReg && !slices.Contains(want, name) && !page.MatchString(name) {
			t.Errorf("%s has no place in the package", name)
		}
		if f.Mode != mode || f.Uid != 0 || f.Gid != 0 || f.Uname != "root" || f.Gname != "root" {
			t.Errorf("%s has mode %o and owner %d %s, group %d %s", name, f.Mode, f.Uid, f.Uname, f.Gid, f.Gname)
		}
		if !f.ModTime.Equal(time.Unix(1772323200, 0)) {
			t.Errorf("%s is of %s", name, f.ModTime)
		}
		// In the binary the words of Go's string table stand side by side.
		if name != "/usr/bin/agent" && secret.Match(f.text) {
			t.Errorf("%s holds a secret", name)
		}
	}
}

func testControl(t *testing.T, arch, deb string) {
	files := members(t, deb, "ctrl-tarfile")
	control := string(files["/control"].text)
	for field, want := range map[string]string{
		"Package": "muster", "Version": testVersion, "Architecture": arch, "Depends": "systemd (>= 247)", "Section": "net", "Priority": "optional",
	} {
		if !strings.Contains("\n"+control, "\n"+field+": "+want+"\n") {
			t.Errorf("control lacks %s: %s:\n%s", field, want, control)
		}
	}
	if experimental := strings.Contains(control, "experimental"); experimental != (arch == "armhf") {
		t.Errorf("says that it is experimental: %t", experimental)
	}
	// Each further one is a file about which an unattended upgrade could stop at a question.
	if got := string(files["/conffiles"].text); got != needrestartFile+"\n" {
		t.Errorf("the conffiles are %q, want %s", got, needrestartFile)
	}
	for _, script := range []string{"postinst", "prerm", "postrm"} {
		f, ok := files["/"+script]
		if !ok || f.Mode != 0o755 || string(f.text) != read(t, script) {
			t.Errorf("%s is not the one of this folder with mode 755", script)
		}
	}
}

func testBinary(t *testing.T, arch, deb string) {
	binary := members(t, deb, "fsys-tarfile")["/usr/bin/agent"].text
	file, err := elf.NewFile(bytes.NewReader(binary))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]elf.Machine{"arm64": elf.EM_AARCH64, "amd64": elf.EM_X86_64, "armhf": elf.EM_ARM}
	if file.Machine != want[arch] {
		t.Errorf("is for %s", file.Machine)
	}
	if slices.ContainsFunc(file.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Error("is not static")
	}
	info, err := buildinfo.Read(bytes.NewReader(binary))
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	level := map[string][2]string{"arm64": {"GOARM64", "v8.0"}, "amd64": {"GOAMD64", "v1"}, "armhf": {"GOARM", "6"}}[arch]
	if settings[level[0]] != level[1] || settings["CGO_ENABLED"] != "0" || settings["-trimpath"] != "true" {
		t.Errorf("settings %v", settings)
	}
}

func testDocuments(t *testing.T, deb string) {
	files := members(t, deb, "fsys-tarfile")
	changelog := unzipped(t, files["/usr/share/doc/muster/changelog.gz"].text)
	if !strings.HasPrefix(changelog, "muster ("+testVersion+") stable; urgency=medium\n\n  * ") ||
		!strings.HasSuffix(changelog, ">  Sun, 01 Mar 2026 00:00:00 +0000\n") {
		t.Errorf("changelog:\n%s", changelog)
	}
	copyright := string(files["/usr/share/doc/muster/copyright"].text)
	info, err := buildinfo.Read(bytes.NewReader(files["/usr/bin/agent"].text))
	if err != nil {
		t.Fatal(err)
	}
	for _, module := range info.Deps {
		if !strings.Contains(copyright, "\n"+module.Path+"@"+module.Version+"\n\n") {
			t.Errorf("copyright lacks %s %s", module.Path, module.Version)
		}
	}
	// Every key that the sample explains, the manual explains too.
	page := unzipped(t, files["/usr/share/man/man5/muster.yaml.5.gz"].text)
	sample := string(files["/usr/share/doc/muster/examples/profile.yaml"].text)
	keys := regexp.MustCompile(`(?m)^ *(?:# )?([a-z_]+):`).FindAllStringSubmatch(sample, -1)
	if len(keys) < 20 {
		t.Errorf("the sample has %d keys:\n%s", len(keys), sample)
	}
	for _, key := range keys {
		if explained := regexp.MustCompile(`(?m)^\.(BI|BR|SS) ` + key[1] + `(:|$)`); !explained.MatchString(page) &&
			!slices.Contains([]string{"auto", "never", "false"}, key[1]) {
			t.Errorf("muster.yaml(5) lacks %s", key[1])
		}
	}
}

func unzipped(t *testing.T, data []byte) string {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if r.Name != "" || !r.ModTime.IsZero() {
		t.Error("gzip recorded a name or a time")
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// testGenerated compares what was generated at build time with what the binary
// in the package says.
func testGenerated(t *testing.T, deb string) {
	dir := t.TempDir()
	run(t, nil, "dpkg-deb", "-x", deb, dir)
	agent := dir + "/usr/bin/agent"
	if out := run(t, nil, agent, "version"); !strings.Contains(out, testVersion) {
		t.Errorf("agent version says %q", out)
	}
	for file, args := range map[string][]string{
		"/usr/lib/systemd/system/muster.service":          {"service", "print", "--bin", "/usr/bin/agent"},
		"/usr/lib/systemd/system/muster-profile.service":  {"service", "print", "--bin", "/usr/bin/agent", "--unit", "muster-profile"},
		"/usr/share/bash-completion/completions/agent":    {"completion", "bash"},
		"/usr/share/zsh/vendor-completions/_agent":        {"completion", "zsh"},
		"/usr/share/fish/vendor_completions.d/agent.fish": {"completion", "fish"},
	} {
		if read(t, dir+file) != run(t, nil, agent, args...) {
			t.Errorf("%s is not what agent %s says", file, strings.Join(args, " "))
		}
	}
	// With a secret of its own the sample is a profile as it stands.
	sample := read(t, dir+"/usr/share/doc/muster/examples/profile.yaml")
	line := regexp.MustCompile(`(?m)^secret: .*$`)
	fresh := line.FindString(run(t, nil, agent, "profile", "new"))
	write(t, dir+"/profile.yaml", line.ReplaceAllString(sample, fresh), 0o600)
	run(t, nil, agent, "profile", "check", dir+"/profile.yaml")
}
