; RUN: honec -S --facts=%S/empty.json %s | FileCheck-19 %s
; RUN: honec --report --facts=%S/empty.json %s | FileCheck-19 --check-prefix=REPORT %s
; Which map is asked is known only when a packet is there.

; CHECK:  call ptr inttoptr (i64 1 to ptr)
; REPORT: "action":"","reason":"NO_ONE_MAP"

@blocked = external global i8
@other = external global i8

define i32 @xdp_filter(ptr %ctx) {
  %key = alloca i32
  %at = getelementptr i8, ptr %ctx, i64 12
  %ifindex = load i32, ptr %at
  store i32 %ifindex, ptr %key
  %odd = trunc i32 %ifindex to i1
  %map = select i1 %odd, ptr @blocked, ptr @other
  %value = call ptr inttoptr (i64 1 to ptr)(ptr %map, ptr %key), !hone.site !0
  %miss = icmp eq ptr %value, null
  br i1 %miss, label %pass, label %drop
drop:
  ret i32 1
pass:
  ret i32 2
}
!0 = !{i32 0}
