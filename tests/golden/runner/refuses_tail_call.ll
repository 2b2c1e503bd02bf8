; RUN: honec -S --facts=%S/jumps.json %s | FileCheck-19 %s
; RUN: honec --report --facts=%S/jumps.json %s | FileCheck-19 --check-prefix=REPORT %s
; No pass handles tail calls.

; CHECK:  inttoptr (i64 12 to ptr)
; REPORT: "kind":"tail_call","class":"live","action":"","reason":"NO_PASS"

@jumps = external global i8

define i32 @xdp_filter(ptr %ctx) {
  %failed = call i64 inttoptr (i64 12 to ptr)(ptr %ctx, ptr @jumps, i32 0), !hone.site !0
  ret i32 2
}
!0 = !{i32 0}
