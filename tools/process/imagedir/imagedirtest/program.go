package imagedirtest

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
)

// Program is a tiny static executable for Linux. Only those for amd64 do something when they are run.
type Program struct {
	Machine elf.Machine
	// Output is what it prints.
	Output string
	// ExitCode is how it ends.
	ExitCode byte
	// Interpreter makes it ask for a dynamic linker.
	Interpreter bool
}

// Bytes returns the executable file.
func (p Program) Bytes() []byte {
	const (
		base       = 0x400000
		headerSize = 64
		entrySize  = 56
	)
	segments := []elf.Prog64{{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Vaddr: base, Paddr: base, Align: 0x1000}}
	if p.Interpreter {
		segments = append(segments, elf.Prog64{Type: uint32(elf.PT_INTERP), Flags: uint32(elf.PF_R)})
	}
	start := uint64(headerSize + len(segments)*entrySize)

	text := p.code()
	size := start + uint64(len(text))
	segments[0].Filesz, segments[0].Memsz = size, size
	header := elf.Header64{
		Type:      uint16(elf.ET_EXEC),
		Machine:   uint16(p.Machine),
		Version:   uint32(elf.EV_CURRENT),
		Entry:     base + start,
		Phoff:     headerSize,
		Ehsize:    headerSize,
		Phentsize: entrySize,
		Phnum:     uint16(len(segments)),
	}
	copy(header.Ident[:], elf.ELFMAG)
	header.Ident[elf.EI_CLASS] = byte(elf.ELFCLASS64)
	header.Ident[elf.EI_DATA] = byte(elf.ELFDATA2LSB)
	header.Ident[elf.EI_VERSION] = byte(elf.EV_CURRENT)

	var out bytes.Buffer
	// Writing to a buffer cannot fail, and all fields have a fixed size.
	_ = binary.Write(&out, binary.LittleEndian, header)
	_ = binary.Write(&out, binary.LittleEndian, segments)
	out.Write(text)
	return out.Bytes()
}

// code is write(1, Output) and exit(ExitCode) for amd64, with the output behind it.
func (p Program) code() []byte {
	length := binary.LittleEndian.AppendUint32(nil, uint32(len(p.Output)))
	code := []byte{
		0xb8, 1, 0, 0, 0, // mov eax, 1 (write)
		0xbf, 1, 0, 0, 0, // mov edi, 1 (standard output)
		0x48, 0x8d, 0x35, 19, 0, 0, 0, // lea rsi, [rip+19]: the output
		0xba, length[0], length[1], length[2], length[3], // mov edx, length
		0x0f, 0x05, // syscall
		0xb8, 60, 0, 0, 0, // mov eax, 60 (exit)
		0xbf, p.ExitCode, 0, 0, 0, // mov edi, exit code
		0x0f, 0x05, // syscall
	}
	return append(code, p.Output...)
}
