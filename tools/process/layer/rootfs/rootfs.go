// Package rootfs writes the files of an image layer as a tar stream. The stream depends on the files alone: entries
// are sorted, times are the epoch, owners are numbers.
package rootfs

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// folderMode is the mode of the folders that the files lie in.
const folderMode = 0o755

// File is one file of the layer.
type File struct {
	// Path is where the file lies in the image: absolute and clean.
	Path string
	// Mode is the file's permission bits.
	Mode fs.FileMode
	// Open returns the content.
	Open func() (io.ReadCloser, error)
}

// Spec is what a layer holds.
type Spec struct {
	Files []File
	// UID and GID own every file and folder.
	UID, GID int
}

// Check reports the first path that cannot be in a layer.
func (s Spec) Check() error {
	files := map[string]bool{}
	for _, file := range s.Files {
		switch {
		case !path.IsAbs(file.Path) || path.Clean(file.Path) != file.Path || file.Path == "/":
			return fmt.Errorf("path %q of the image is not absolute and clean, like /app/server", file.Path)
		case strings.HasPrefix(path.Base(file.Path), ".wh."):
			return fmt.Errorf("path %q of the image has the prefix .wh., which deletes a file of a layer below", file.Path)
		case files[file.Path]:
			return fmt.Errorf("path %q of the image is there twice", file.Path)
		}
		files[file.Path] = true
	}
	for _, file := range s.Files {
		for _, folder := range parents(file.Path) {
			if files[folder] {
				return fmt.Errorf("path %q of the image lies in %q, which is a file", file.Path, folder)
			}
		}
	}
	return nil
}

// Write writes the layer.
func Write(w io.Writer, spec Spec) error {
	if err := spec.Check(); err != nil {
		return fmt.Errorf("checking the layer: %w", err)
	}
	files := slices.Clone(spec.Files)
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })

	out := tar.NewWriter(w)
	written := map[string]bool{}
	for _, file := range files {
		for _, folder := range parents(file.Path) {
			if written[folder] {
				continue
			}
			written[folder] = true
			header := spec.header(folder+"/", tar.TypeDir, folderMode, 0)
			if err := out.WriteHeader(header); err != nil {
				return fmt.Errorf("writing folder %q: %w", folder, err)
			}
		}
		if err := spec.writeFile(out, file); err != nil {
			return fmt.Errorf("writing %q: %w", file.Path, err)
		}
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("ending the layer: %w", err)
	}
	return nil
}

func (s Spec) writeFile(out *tar.Writer, file File) error {
	content, err := file.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	size, err := length(content)
	if err != nil {
		return err
	}
	if err := out.WriteHeader(s.header(file.Path, tar.TypeReg, int64(file.Mode.Perm()), size)); err != nil {
		return err
	}
	_, err = io.Copy(out, content)
	return err
}

func (s Spec) header(name string, kind byte, mode, size int64) *tar.Header {
	return &tar.Header{
		Name:     strings.TrimPrefix(name, "/"),
		Typeflag: kind,
		Mode:     mode,
		Size:     size,
		Uid:      s.UID,
		Gid:      s.GID,
		ModTime:  time.Unix(0, 0),
	}
}

// length returns how many bytes there are to read; a tar entry starts with it.
func length(content io.Reader) (int64, error) {
	if file, ok := content.(*os.File); ok {
		info, err := file.Stat()
		if err != nil {
			return 0, err
		}
		if !info.Mode().IsRegular() {
			return 0, errors.New("the source is not a regular file")
		}
		return info.Size(), nil
	}
	if sized, ok := content.(interface{ Size() int64 }); ok {
		return sized.Size(), nil
	}
	return 0, errors.New("the size of the source is not known")
}

// parents returns the folders that lead to a path, outermost first.
func parents(name string) []string {
	var folders []string
	for folder := path.Dir(name); folder != "/"; folder = path.Dir(folder) {
		folders = append(folders, folder)
	}
	slices.Reverse(folders)
	return folders
}
