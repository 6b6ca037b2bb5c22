// Package unpack lays the layers of an image over each other in a folder. It does not trust the image: nothing is
// written outside the folder, and neither the size nor the number of files is without bounds.
package unpack

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/soketsugo/soketsugo/tools/process/compression"
	"github.com/soketsugo/soketsugo/tools/process/imagedir"
)

// Limits bound what is unpacked.
type Limits struct {
	// Bytes is how large all layers may be together, uncompressed.
	Bytes int64
	// Entries is how many files and folders there may be.
	Entries int
}

// Entry is what the layers say about a file, a folder or a link. It is kept apart from the unpacked file because
// owners and set-uid bits cannot be given to that without being root.
type Entry struct {
	// Path is absolute.
	Path string
	// Mode has the type and the permissions, with fs.ModeSetuid and fs.ModeSetgid.
	Mode     fs.FileMode
	UID, GID int
	Size     int64
}

// Tree is the file system of an image by path.
type Tree map[string]Entry

// Sorted returns the entries by path.
func (t Tree) Sorted() []Entry {
	entries := make([]Entry, 0, len(t))
	for _, name := range slices.Sorted(maps.Keys(t)) {
		entries = append(entries, t[name])
	}
	return entries
}

const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
)

// Image unpacks an image into an empty folder. The digests of each layer are checked on the way.
func Image(folder string, directory *imagedir.Directory, image imagedir.Image, limits Limits) (Tree, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("unpacking the image: %w", err)
	}
	defer root.Close()
	diffIDs := image.Config.RootFS.DiffIDs
	if len(diffIDs) != len(image.Manifest.Layers) {
		return nil, fmt.Errorf("unpacking the image: the configuration names %d layers and the manifest %d", len(diffIDs), len(image.Manifest.Layers))
	}
	u := &unpacker{root: root, tree: Tree{}, limits: limits}
	for i, layer := range image.Manifest.Layers {
		if err := u.layer(directory, layer, diffIDs[i]); err != nil {
			return nil, fmt.Errorf("unpacking layer %d (%s): %w", i+1, layer.Digest, err)
		}
	}
	return u.tree, nil
}

type unpacker struct {
	root   *os.Root
	tree   Tree
	limits Limits
}

func (u *unpacker) layer(directory *imagedir.Directory, layer v1.Descriptor, diffID v1.Hash) error {
	blob, err := directory.Blob(layer.Digest)
	if err != nil {
		return err
	}
	defer blob.Close()
	compressed, content := sha256.New(), sha256.New()
	size := &counter{}
	whole := io.TeeReader(blob, io.MultiWriter(compressed, size))
	reader, _, err := compression.NewReader(whole)
	if err != nil {
		return err
	}
	defer reader.Close()
	bounded := &bounded{from: io.TeeReader(reader, content), left: &u.limits.Bytes}

	// A folder that is opaque hides what the layers below have in it, not what this layer has.
	below := maps.Clone(u.tree)
	archive := tar.NewReader(bounded)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("reading the tar file: %w", err)
		}
		if err := u.entry(header, archive, below); err != nil {
			return fmt.Errorf("entry %q: %w", header.Name, err)
		}
	}
	if _, err := io.Copy(io.Discard, bounded); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, whole); err != nil {
		return err
	}
	if size.bytes != layer.Size {
		return fmt.Errorf("it has %d bytes, the manifest says %d", size.bytes, layer.Size)
	}
	if got := sum(compressed); got != layer.Digest {
		return fmt.Errorf("its content has the digest %s", got)
	}
	if got := sum(content); got != diffID {
		return fmt.Errorf("uncompressed it has the digest %s, the configuration says %s", got, diffID)
	}
	return nil
}

func (u *unpacker) entry(header *tar.Header, content io.Reader, below Tree) error {
	name, err := clean(header.Name)
	if err != nil || name == "/" {
		return err
	}
	if u.limits.Entries--; u.limits.Entries < 0 {
		return errors.New("the image has more files than this test unpacks")
	}
	local := name[1:]
	folder, base := path.Split(name)
	switch {
	case base == opaque:
		for hidden := range below {
			if strings.HasPrefix(hidden, folder) {
				if err := u.remove(hidden); err != nil {
					return err
				}
			}
		}
		return nil
	case strings.HasPrefix(base, whiteout):
		return u.remove(folder + strings.TrimPrefix(base, whiteout))
	}

	if err := u.parents(path.Dir(name)); err != nil {
		return err
	}
	entry := Entry{Path: name, Mode: header.FileInfo().Mode(), UID: header.Uid, GID: header.Gid, Size: header.Size}
	if before, ok := u.tree[name]; ok && !(before.Mode.IsDir() && entry.Mode.IsDir()) {
		if err := u.remove(name); err != nil {
			return err
		}
	}
	switch header.Typeflag {
	case tar.TypeDir:
		err = u.root.MkdirAll(local, 0o755)
	case tar.TypeReg:
		err = u.file(local, entry.Mode.Perm(), content)
	case tar.TypeSymlink:
		err = u.root.Symlink(header.Linkname, local)
	case tar.TypeLink:
		var target string
		if target, err = clean(header.Linkname); err == nil {
			linked, ok := u.tree[target]
			if !ok {
				return fmt.Errorf("it is a hard link to %q, which is not there", header.Linkname)
			}
			entry.Mode, entry.UID, entry.GID, entry.Size = linked.Mode, linked.UID, linked.GID, linked.Size
			err = u.root.Link(target[1:], local)
		}
	default:
		return fmt.Errorf("it is neither a file, a folder nor a link (tar type %q)", header.Typeflag)
	}
	if err != nil {
		return err
	}
	u.tree[name] = entry
	return nil
}

// parents makes the folders that no entry of a layer is about.
func (u *unpacker) parents(folder string) error {
	if folder == "/" {
		return nil
	}
	if err := u.root.MkdirAll(folder[1:], 0o755); err != nil {
		return err
	}
	for ; folder != "/"; folder = path.Dir(folder) {
		if _, ok := u.tree[folder]; !ok {
			u.tree[folder] = Entry{Path: folder, Mode: fs.ModeDir | 0o755}
		}
	}
	return nil
}

func (u *unpacker) file(local string, mode fs.FileMode, content io.Reader) error {
	file, err := u.root.OpenFile(local, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, content); err != nil {
		file.Close()
		return err
	}
	// The owner keeps the right to read, whatever the image says, because this test reads the file.
	if err := file.Chmod(mode | 0o400); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}

func (u *unpacker) remove(name string) error {
	for below := range u.tree {
		if below == name || strings.HasPrefix(below, name+"/") {
			delete(u.tree, below)
		}
	}
	return u.root.RemoveAll(name[1:])
}

// clean returns the absolute path of an entry.
func clean(name string) (string, error) {
	if slices.Contains(strings.Split(name, "/"), "..") {
		return "", errors.New("its path leads out of the image")
	}
	return path.Clean("/" + name), nil
}

// bounded is a reader that fails once the image has taken all the bytes it may.
type bounded struct {
	from io.Reader
	left *int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	if *b.left -= int64(n); *b.left < 0 {
		return 0, errors.New("the image is larger than this test unpacks")
	}
	return n, err
}

type counter struct{ bytes int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.bytes += int64(len(p))
	return len(p), nil
}

func sum(h hash.Hash) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(h.Sum(nil))}
}
