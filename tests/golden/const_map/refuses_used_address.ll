; RUN: honec -S --passes=const_map --facts=%S/config.json %s | FileCheck-19 %s
; RUN: honec --report --passes=const_map --facts=%S/config.json %s | FileCheck-19 --check-prefix=REPORT %s
; The program compares addresses of values: the constant's is another one.

; CHECK:  call ptr inttoptr (i64 1 to ptr)
; REPORT: "action":"","reason":"NO_ADDRESS_USED"

@config = external global i8

define i32 @xdp_prog(ptr %ctx) {
  %key = alloca i32
  store i32 1, ptr %key
  %value = call ptr inttoptr (i64 1 to ptr)(ptr @config, ptr %key), !hone.site !0, !hone.key !1, !hone.address !1
  %miss = icmp eq ptr %value, null
  br i1 %miss, label %aborted, label %found
found:
  %word = load i64, ptr %value
  %action = trunc i64 %word to i32
  ret i32 %action
aborted:
  ret i32 100
}
!0 = !{i32 0}
!1 = !{i32 1}
